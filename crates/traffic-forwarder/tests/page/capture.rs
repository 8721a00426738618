//! Screenshot for the README: `scripts/capture-page.sh` runs this.

use std::env;

use crate::stage::Stage;

/// Seconds of load in the charts.
const SECONDS: usize = 45;

#[test]
#[ignore = "it writes the file that PAGE_PICTURE names"]
fn capture_the_picture_of_the_readme() {
    let picture = env::var("PAGE_PICTURE").expect("PAGE_PICTURE names the file to be written");
    let names = ["web", "database", "cache", "mail", "search"];
    // A typical target: its answers are larger than the requests.
    let stage = Stage::answering(&names, "", 6);
    let _idle: Vec<_> = (0..24).map(|place| stage.client(place % names.len())).collect();
    let mut browser = stage.page();
    browser.window(1280, 720, "light");
    let _steady = [stage.load(0), stage.load(0), stage.load(2)];
    let mut bursts = Vec::new();
    for second in 0..SECONDS {
        match second % 9 {
            0 => bursts.push(stage.load(1)),
            5 => bursts.clear(),
            _ => {}
        }
        let before = serde_json::json!(browser.texts("#process")[0]);
        browser.wait(&format!("document.querySelector('#process').innerText !== {before}"));
    }
    browser.screenshot(&picture);
}
