//! Actions on the page: by mouse, and by keys alone.

use testkit::{LIMIT, Script, connect, wait_until};

use crate::browser::Browser;
use crate::stage::{Stage, ping, play};

/// JavaScript condition: the confirmation's buttons are enabled.
const READABLE: &str = "!document.querySelector('#confirm-yes').disabled";

#[test]
fn a_kill_ends_the_selected_session_only() {
    let stage = Stage::start(&["echo"], "");
    let clients = [stage.client(0), stage.client(0), stage.client(0)];
    let mut browser = stage.page();
    browser.click("#sessions-tab");
    browser.click(r#"[aria-label="Kill session 2"]"#);
    let meant = clients[1].local_addr().unwrap().as_socket().unwrap().to_string();
    browser.wait_for_text("#confirm-text", &meant);
    browser.press(&["Escape"]);
    browser.click(r#"[aria-label="Kill session 2"]"#);
    browser.press(&["Enter"]);
    browser.wait("document.querySelector('dialog[open]') === null");
    assert_eq!(stage.sessions().len(), 3, "Escape cancels, and so does the first button");
    browser.click(r#"[aria-label="Kill session 2"]"#);
    browser.click("#confirm-yes");
    play(&clients[1], Script::new().expect_reset());
    browser.wait_for_text("#notices", "session 2 was killed");
    browser.wait("document.querySelectorAll('#sessions tbody tr').length === 2");
    ping(&clients[0]);
    ping(&clients[2]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_forward_drains_after_confirmation_and_resumes() {
    let stage = Stage::start(&["one", "two"], "");
    let client = stage.client(1);
    let mut browser = stage.page();
    browser.click(r#"[aria-label="Drain two"]"#);
    browser.wait_for_text("#confirm-text", "1 open session");
    browser.click("#confirm-dialog [value=no]");
    ping(&stage.client(1));
    browser.click(r#"[aria-label="Drain two"]"#);
    browser.click("#confirm-yes");
    browser.wait_for_text("#forwards tbody", "draining");
    assert!(connect(&stage.ports[1]).is_err(), "the port is closed");
    ping(&client);
    ping(&stage.client(0));
    browser.click(r#"[aria-label="Resume two"]"#);
    browser.wait_for_text("#confirm-text", "It accepts new sessions again.");
    browser.click("#confirm-yes");
    browser.wait(r#"document.querySelector('[aria-label="Drain two"]') !== null"#);
    ping(&stage.client(1));
    browser.click("#events-tab");
    browser.wait_for_text("#events ol", "resume");
    assert_eq!(browser.texts("#events .what"), ["resume", "drain"], "latest first");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn keys_are_enough() {
    let stage = Stage::start(&["one", "two"], "");
    let clients = [stage.client(0), stage.client(1)];
    let mut browser = stage.page();
    browser.press(&["?"]);
    browser.wait_for_text("#help-dialog[open]", "Kill the row's session");
    browser.press(&["Escape", "2", "/"]);
    let active = "document.activeElement.name";
    assert_eq!(browser.evaluate(active), "forward", "`/` goes to the filter");
    // In a field, letters are text, no commands; and a partial name triggers no search, however
    // slow the typing.
    browser.press(&["t", "w"]);
    browser.wait_for_request("/v1/sessions?");
    browser.press(&["o", "Escape"]);
    browser.wait("document.querySelectorAll('#sessions tbody tr').length === 1");
    browser.press(&["ArrowDown", "k"]);
    browser.wait_for_text("#confirm-dialog[open]", "Kill session 2?");
    let ring = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.evaluate(ring), "solid", "the focus is visible");
    browser.wait(READABLE);
    browser.press(&["Tab", "Enter"]);
    play(&clients[1], Script::new().expect_reset());
    ping(&clients[0]);
    browser.press(&["1", "ArrowDown", "ArrowDown", "d"]);
    browser.wait_for_text("#confirm-dialog[open]", "Drain two?");
    browser.wait(READABLE);
    browser.press(&["Tab", "Enter"]);
    browser.wait_for_text("#forwards tbody tr:nth-child(2)", "draining");
    // The focus stays on the row.
    browser.press(&["c"]);
    browser.wait_for_text("#scope", "two");
    browser.press(&["d"]);
    browser.wait_for_text("#confirm-dialog[open]", "Resume two?");
    browser.wait(READABLE);
    browser.press(&["Tab", "Enter"]);
    let two = || stage.http().json("/v1/forwards/two");
    wait_until("two is active", LIMIT, || two()["state"] == "active");
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Keys, pastes and double clicks intended for another window do not confirm.
#[test]
fn only_the_enabled_buttons_confirm() {
    let stage = Stage::start(&["one", "two"], "");
    let clients = [stage.client(0), stage.client(1)];
    let mut browser = stage.page();
    let closed = "document.querySelector('dialog[open]') === null";
    for tab in ["1", "2"] {
        select_row(&mut browser, tab);
        for text in ["On Monday we go", "d\ty", "k\tyes", "dkdkdk"] {
            let keys: Vec<_> = text.chars().map(key_of).collect();
            browser.press(&keys.iter().map(String::as_str).collect::<Vec<_>>());
            browser.press(&["Escape"]);
            browser.wait(closed);
            browser.press(&["Escape"]);
            select_row(&mut browser, tab);
        }
    }
    // A letter or a paste closes an open confirmation without confirming.
    for close in ["document.dispatchEvent(new ClipboardEvent('paste'))", "x"] {
        select_row(&mut browser, "1");
        browser.press(&["d"]);
        browser.wait_for_text("#confirm-dialog[open]", "Drain ");
        browser.wait(READABLE);
        if close == "x" {
            browser.press(&["x"]);
        } else {
            browser.evaluate(close);
        }
        browser.wait(closed);
    }
    // The second click of a double click comes too early to confirm. Both clicks in one script: a
    // busy machine may delay separate ones.
    select_row(&mut browser, "1");
    browser.evaluate(
        "document.activeElement.dispatchEvent(\
             new KeyboardEvent('keydown', { key: 'd', bubbles: true }));\
         document.querySelector('#confirm-yes').click()",
    );
    browser.wait_for_text("#confirm-dialog[open]", "Drain ");
    browser.press(&["Escape"]);
    browser.wait(closed);
    for name in ["one", "two"] {
        let shown = stage.http().json(&format!("/v1/forwards/{name}"))["state"].clone();
        assert_eq!(shown, "active", "{name}");
    }
    clients.iter().for_each(ping);
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Opens a tab by its key, waits for a first row, and selects it.
fn select_row(browser: &mut Browser, tab: &str) {
    let table = if tab == "1" { "#forwards" } else { "#sessions" };
    browser.press(&[tab]);
    browser.wait(&format!("document.querySelector('{table} tbody tr')?.offsetParent != null"));
    browser.press(&["ArrowDown"]);
    browser.wait(&format!("document.activeElement.closest('{table} tbody') !== null"));
}

/// Playwright's name of the key for a character.
fn key_of(character: char) -> String {
    match character {
        '\t' => "Tab".to_owned(),
        ' ' => "Space".to_owned(),
        letter => letter.to_string(),
    }
}

#[test]
fn tab_reaches_every_control_in_visual_order() {
    let stage = Stage::start(&["only"], "");
    let mut browser = stage.page();
    browser.wait_for_text("#forwards tbody", "only");
    let name = "(({ id, name, ariaLabel, innerText }) => id || name || ariaLabel || innerText)\
                (document.activeElement)";
    let mut reached = Vec::new();
    let expected = [
        "Skip to the tables",
        "theme",
        "help",
        "forwards-tab",
        "name",
        "sort",
        "Forward",
        "Sessions",
        "Failed",
        "Down",
        "Down/s",
        "only",
        "Drain only",
    ];
    for _ in expected {
        browser.press(&["Tab"]);
        reached.push(browser.evaluate(name).as_str().unwrap().to_owned());
    }
    assert_eq!(reached, expected);
}
