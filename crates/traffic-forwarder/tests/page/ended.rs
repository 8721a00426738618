//! The list of ended sessions, and their records.

use testkit::{LIMIT, Script, wait_until};

use crate::browser::Browser;
use crate::stage::{Stage, play};

/// The numbers of the listed sessions.
fn ids(browser: &mut Browser) -> Vec<String> {
    browser.texts("#ended tbody td:first-child")
}

/// Ends a session of each forward by its client, and a further one of the first forward by a kill.
fn three_ended(stage: &Stage) -> String {
    let first = stage.client(0);
    let client = first.local_addr().unwrap().as_socket().unwrap().to_string();
    let ended = || stage.http().json("/v1/sessions/ended")["total"].clone();
    drop(first);
    wait_until("an ended session", LIMIT, || ended() == 1);
    drop(stage.client(1));
    wait_until("another one", LIMIT, || ended() == 2);
    let killed = stage.client(0);
    stage.http().delete("/v1/sessions/3").success();
    play(&killed, Script::new().expect_reset());
    wait_until("a killed one", LIMIT, || ended() == 3);
    client
}

#[test]
fn ended_sessions_are_listed_and_filtered() {
    let stage = Stage::start(&["one", "two"], "");
    let client = three_ended(&stage);
    let mut browser = stage.page();
    browser.press(&["3"]);
    browser.wait("document.querySelectorAll('#ended tbody tr').length === 3");
    assert_eq!(ids(&mut browser), ["3", "2", "1"], "the newest first");
    let reasons = browser.texts("#ended tbody td:nth-child(10)");
    assert_eq!(reasons, ["operator/relay/killed", "client/relay/fin", "client/relay/fin"]);
    let message = browser.texts("#ended .message");
    assert!(message[0].starts_with("all since 2") && message[0].ends_with(" are known"));
    browser.fill("#ended [name=forward]", "two");
    browser.press(&["Enter"]);
    browser.wait("document.querySelectorAll('#ended tbody tr').length === 1");
    assert_eq!(ids(&mut browser), ["2"]);
    browser.fill("#ended [name=forward]", "");
    browser.fill("#ended [name=client]", &client);
    browser.press(&["Enter"]);
    browser.wait("document.querySelector('#ended tbody td')?.innerText === '1'");
    assert_eq!(ids(&mut browser), ["1"]);
    browser.click("#ended tbody button");
    browser.wait_for_text("#details-dialog .facts", "client/relay/fin");
    browser.wait_for_text("#details-dialog .facts", "first byte after");
    assert_eq!(browser.evaluate("document.querySelector('#details-act').hidden"), true);
    browser.press(&["Escape"]);
    browser.fill("#ended [name=client]", "10.0.0.0/8");
    browser.press(&["Enter"]);
    browser.wait_for_text("#ended .message", "no such session has ended since 2");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_phone_shows_client_and_reason() {
    let stage = Stage::start(&["one", "two"], "");
    let client = three_ended(&stage);
    let mut browser = stage.page();
    browser.window(390, 844, "dark");
    browser.click("#ended-tab");
    browser.wait_for_text("#ended tbody", &client);
    let heads = "[...document.querySelectorAll('#ended th')].filter((it) => it.offsetWidth > 0)\
                 .map((it) => it.innerText)";
    assert_eq!(browser.evaluate(heads), serde_json::json!(["ID", "Ago", "Client", "Closed"]));
    let fits = "document.documentElement.scrollWidth <= 390 && \
                document.querySelector('#ended .wide').scrollWidth <= 390";
    assert_eq!(browser.evaluate(fits), true, "nothing is beyond the edge");
    assert_eq!(browser.complaints(), [""; 0]);
}
