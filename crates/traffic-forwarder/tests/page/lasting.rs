//! The page across an upgrade, a failed upgrade and a restart of the process.

use std::fs;

use testkit::copy_program;

use crate::stage::{BINARY, Stage, ping};

#[test]
fn an_upgrade_is_shown_and_sessions_and_page_continue() {
    let stage = Stage::start(&["echo"], "");
    let client = stage.client(0);
    let mut browser = stage.page();
    stage.http().post("/v1/upgrade").status(202);
    browser.wait_for_text("#notices", "the process was upgraded");
    ping(&client);
    let figure = r#"document.querySelector('[data-figure="Up"] .main').dataset.value"#;
    browser.wait(&format!("{figure} === '2'"));
    assert_eq!(browser.texts("#sessions-now"), ["1"]);
}

#[test]
fn a_failed_upgrade_is_red_until_one_succeeds() {
    let mut stage = Stage::start(&["echo"], "");
    let program = stage.run_a_copy().to_owned();
    let mut browser = stage.page();
    // A running binary cannot be written, but can be replaced.
    fs::remove_file(&program).unwrap();
    stage.http().post("/v1/upgrade").status(422);
    browser.wait_for_text("#troubles", "the last upgrade failed, by admin: ");
    browser.wait("!document.querySelector('#troubles').hidden");
    copy_program(BINARY, program);
    stage.http().post("/v1/upgrade").status(202);
    browser.wait("document.querySelector('#troubles').hidden");
}

#[test]
fn a_confirmation_from_before_a_restart_kills_no_session() {
    let mut stage = Stage::start(&["echo"], "");
    drop(stage.client(0));
    let _first = stage.client(0);
    let mut browser = stage.page();
    browser.click("#sessions-tab");
    browser.click(r#"[aria-label="Kill session 2"]"#);
    stage.kill();
    stage.run();
    let clients = [stage.client(0), stage.client(0)];
    browser.wait_for_text("#notices", "the process was restarted");
    browser.click("#confirm-yes");
    browser.wait_for_text("#notices", "session 2 cannot be killed: the process was restarted");
    clients.iter().for_each(ping);
}

#[test]
fn a_restart_is_shown_and_the_page_continues() {
    let mut stage = Stage::start(&["echo"], "");
    let mut browser = stage.page();
    let first = stage.pid();
    let load = stage.load(0);
    browser.wait_for_text("#forwards tbody", "KiB");
    drop(load);
    stage.http().post("/v1/reload").success();
    browser.wait_for_text("#notices", "the configuration was reloaded (generation 1 -> 2)");
    browser.click("#events-tab");
    browser.wait_for_text("#events ol", "by admin: generation 2");
    assert_eq!(browser.complaints(), [""; 0]);

    stage.kill();
    browser.wait_for_text("#notices", "the process does not answer; waiting for it to come back");
    browser.wait_for_text("#state", "no answer");
    stage.run();
    let restarted = format!("the process was restarted (pid {first} -> {})", stage.pid());
    browser.wait_for_text("#notices", &restarted);
    browser.wait("!document.querySelector('#notices').innerText.includes('does not answer')");
    browser.wait_for_text("#process", &format!("pid {}", stage.pid()));
    // It shows the new process's figures and events.
    ping(&stage.client(0));
    browser.click("#forwards-tab");
    browser.wait("document.querySelector('#forwards td:nth-child(6)').innerText === '1'");
    browser.click(r#"[aria-label="Drain echo"]"#);
    browser.click("#confirm-yes");
    browser.click("#events-tab");
    browser.wait_for_text("#events .what", "drain");
}
