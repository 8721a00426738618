//! Thousands of forwards and sessions: what is bounded, whatever there is.

use testkit::{LIMIT, Socket, connect, raise_open_files, wait_until};

use crate::stage::{Stage, ping};

const FORWARDS: usize = 1_000;
const SESSIONS: usize = 9_000;
/// What the test itself, its other threads and the forwarder need besides the sessions' sockets.
const OTHER_FILES: u64 = 3_500;
/// Of a list, on the page and in an answer.
const MOST_ROWS: usize = 50;
/// Of one answer, in bytes.
const MOST_BYTES: u64 = 128 * 1024;

#[test]
fn of_thousands_a_page_is_asked_for_and_shown() {
    let most = usize::try_from(raise_open_files().saturating_sub(OTHER_FILES) / 2).unwrap();
    let names: Vec<_> = (0..FORWARDS).map(|number| format!("forward-{number}")).collect();
    let stage = Stage::start(&names, "");
    let mut clients: Vec<Socket> = Vec::new();
    // A thousand sessions of a forward are the most.
    for number in 0..SESSIONS.min(most) {
        clients.push(connect(&stage.ports[number % FORWARDS]).unwrap());
        if number % 100 == 99 {
            clients.iter().rev().take(100).for_each(ping);
        }
    }
    let count = clients.len();
    let open = || stage.http().json("/v1/status")["sessions"] == count;
    wait_until("all sessions", LIMIT, open);

    let mut browser = stage.page();
    browser.wait_for_text("#forwards .pages", "1-50 of 1000");
    browser.press(&["n"]);
    browser.wait_for_text("#forwards .pages", "51-100 of 1000");
    browser.wait_for_text("#forwards tbody", "forward-50");
    browser.click("#sessions-tab");
    browser.wait_for_text("#sessions .pages", &format!("1-50 of {count}"));
    browser.wait_for_text("#sessions-count", &count.to_string());
    browser.fill("#sessions [name=forward]", "forward-7");
    browser.press(&["Enter"]);
    browser.wait("document.querySelectorAll('#sessions tbody tr').length < 50");
    browser.fill("#sessions [name=forward]", "");
    browser.wait_for_text("#sessions .pages", &format!("1-50 of {count}"));
    // It goes on asking, a page at a time.
    browser.answers();
    for _ in 0..3 {
        let before = browser.texts("#process");
        let before = serde_json::json!(before[0]);
        browser.wait(&format!("document.querySelector('#process').innerText !== {before}"));
    }
    let answers = browser.answers();
    let sessions = answers.iter().filter(|(address, _)| address.contains("/v1/sessions"));
    assert!(sessions.count() >= 2, "{answers:?}");
    for (address, bytes) in answers {
        assert!(bytes <= MOST_BYTES, "{address}: {bytes} bytes");
    }
    for table in ["#forwards", "#sessions"] {
        let rows = browser.texts(&format!("{table} tbody tr")).len();
        assert!(rows <= MOST_ROWS, "{table}: {rows} rows");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}
