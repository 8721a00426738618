//! The list of events.

use testkit::{Behaviour, Peer, Place, Port, Script, Target};

use crate::stage::{Stage, ping};

const FAILED_CONNECTS: usize = 200;

#[test]
fn failed_connects_after_a_quiet_minute_have_a_row_of_their_own() {
    let refusing = Port::v4();
    let stage = Stage::to(&(&refusing).into(), &["echo"], "");
    let mut browser = stage.page();
    browser.press(&["4"]);
    stage.wait_for_events(&mut browser, "echo");
    let fail = || {
        let script = Script::new().expect_reset();
        Peer::connect("a client", stage.ports[0].addr(), script).finish();
    };
    fail();
    fail();
    browser.wait_for_text("#events ol", ", 2 sessions");
    let later = "(() => { const now = Date.now; Date.now = () => now() + 60_000; return true; })()";
    assert_eq!(browser.evaluate(later), serde_json::json!(true));
    fail();
    let rows = "[...document.querySelectorAll('#events li')].filter((it) => it.innerText.includes(': refused')).length";
    browser.wait(&format!("{rows} === 2"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn failed_connects_share_a_row_and_the_return_of_the_target_has_another() {
    let refusing = Port::v4();
    let check = "check = { connect = true, every = '100ms', fall = 1, rise = 1 }";
    let stage = Stage::to(&(&refusing).into(), &["echo"], check);
    let mut browser = stage.page();
    browser.press(&["4"]);
    stage.wait_for_events(&mut browser, "echo");
    for number in 0..FAILED_CONNECTS {
        let script = Script::new().expect_reset();
        Peer::connect(&format!("client {number}"), stage.ports[0].addr(), script).finish();
    }
    browser.wait_for_text("#events ol", &format!(", {FAILED_CONNECTS} sessions"));
    let of_connects = "[...document.querySelectorAll('#events li')].map((it) => it.innerText)\
                       .filter((it) => it.includes(': refused'))\
                       .map((it) => it.split('\\n').slice(1).join(' '))";
    let row = format!("target_down echo: {}: refused, {FAILED_CONNECTS} sessions", refusing.addr());
    assert_eq!(browser.evaluate(of_connects), serde_json::json!([row]));
    let _target = Target::start_at(Place::At(refusing.addr()), Behaviour::Echo);
    browser.wait("document.querySelector('#events .what').innerText === 'target_up'");
    let latest = browser.texts("#events li:first-child span");
    assert_eq!(latest, ["target_up", &format!("echo: {}", refusing.addr()), ""]);
    assert_eq!(browser.evaluate(of_connects), serde_json::json!([row]), "the row stays");
    ping(&stage.client(0));
    assert_eq!(browser.complaints(), [""; 0]);
}
