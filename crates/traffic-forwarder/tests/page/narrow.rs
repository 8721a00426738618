//! The page in the window of a phone, and names that would turn its text.

use crate::browser::Browser;
use crate::stage::Stage;

/// The visible headings of a table.
fn heads(browser: &mut Browser, table: &str) -> Vec<String> {
    let script = format!(
        "[...document.querySelectorAll('#{table} th')].filter((it) => it.offsetWidth > 0)\
         .map((it) => it.innerText.trim().replace(/^[↑↓] ?| ?[↑↓]$/, ''))"
    );
    serde_json::from_value(browser.evaluate(&script)).unwrap()
}

#[test]
fn a_phone_shows_client_and_verdict_and_the_sorted_column() {
    let stage = Stage::start(&["one"], "");
    let client = stage.client(0);
    let address = client.local_addr().unwrap().as_socket().unwrap().to_string();
    let mut browser = stage.page();
    browser.window(390, 844, "light");
    browser.wait_for_text("#forwards tbody", "one");
    assert_eq!(
        heads(&mut browser, "forwards"),
        ["Forward", "State", "Sessions", "Refused", "Failed"]
    );
    browser.click("#sessions-tab");
    browser.wait_for_text("#sessions tbody", &address);
    assert_eq!(heads(&mut browser, "sessions"), ["ID", "Client", "Down/s", "Verdict"]);
    browser.select("#sessions [name=sort]", "idle");
    browser.wait("document.querySelector('#sessions th.sorted').innerText.includes('Idle')");
    assert_eq!(heads(&mut browser, "sessions"), ["ID", "Client", "Idle", "Verdict"]);
    let fits = "document.documentElement.scrollWidth <= 390";
    assert_eq!(browser.evaluate(fits), true, "nothing is beyond the edge");
    // The action is in the details, large enough for a finger.
    browser.click("#sessions tbody button");
    browser.wait_for_text("#details-act", "Kill");
    let height = "document.querySelector('#details-act').offsetHeight >= 44";
    assert_eq!(browser.evaluate(height), true);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn characters_that_turn_text_are_escaped() {
    let stage = Stage::start(&["one"], "");
    let mut browser = stage.page();
    let shown = "import('/page/dom.js').then(({ make }) => \
                 make('p', {}, 'gnp\\u202eexe\\u0007').textContent)";
    assert_eq!(browser.evaluate(shown), "gnp\\u{202e}exe\\u{7}");
    assert_eq!(browser.complaints(), [""; 0]);
}
