//! Thousands of forwards and sessions: responses and tables stay bounded, in both views.

use std::time::Instant;

use testkit::{
    Forwarder, LIMIT, Port, SessionRecord, Socket, Terminal, connect, raise_open_files, wait_until,
};

use crate::stage::{BINARY, Stage, ping};

const FORWARDS: usize = 1_000;
/// Wanted sessions: fewer if the machine's open-file limit is too low.
const SESSIONS: usize = 9_000;
/// Descriptors of the test process besides two sockets a session.
const OTHER_FILES: u64 = 2_000;
/// Rows of a list, on the page and in a response.
const MOST_ROWS: usize = 50;
/// Bytes of one response.
const MOST_BYTES: u64 = 128 * 1024;

#[test]
fn of_thousands_one_page_is_requested_and_shown() {
    let names: Vec<_> = (0..FORWARDS).map(|number| format!("forward-{number}")).collect();
    let most = raise_open_files().saturating_sub(OTHER_FILES) / 2;
    // One client fills the process.
    let stage = Stage::start(&names, "share = 'off'");
    let most = most.min(stage.http().json("/v1/status")["max_sessions"].as_u64().unwrap());
    let clients = open(&stage, SESSIONS.min(usize::try_from(most).unwrap()));
    the_page_shows_a_page(&stage, clients.len());
    top_shows_a_screen(&stage, clients.len());
}

/// Opens `count` sessions, spread over all forwards.
fn open(stage: &Stage, count: usize) -> Vec<Socket> {
    let mut clients: Vec<Socket> = Vec::new();
    for number in 0..count {
        clients.push(connect(&stage.ports[number % FORWARDS]).unwrap());
        // A few at a time: no listen queue overflows.
        if number % 100 == 99 {
            clients.iter().rev().take(100).for_each(ping);
        }
    }
    let all_are_open = || stage.http().json("/v1/status")["sessions"] == count;
    wait_until("all sessions", LIMIT, all_are_open);
    clients
}

fn the_page_shows_a_page(stage: &Stage, count: usize) {
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
    // It keeps polling, one page at a time.
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

fn top_shows_a_screen(stage: &Stage, count: usize) {
    let (admin, between) = relay(stage);
    let terminal = Terminal::open(80, 24);
    let token = stage.token_file();
    let (admin, token) = (admin.addr(), token.display());
    terminal.run(&format!("{BINARY} top --admin {admin} --token-file {token}"));
    terminal.shows("forward-0 ");
    terminal.press(["End"]);
    terminal.shows(&format!("forward-{} ", FORWARDS - 1));
    terminal.press(["PageUp", "PageUp"]);
    terminal.wait_for("rows before", |screen| {
        !screen.contains("forward-999") && screen.contains("forward-9")
    });
    let lists = |id: usize| {
        let id = id.to_string();
        terminal.wait_for("a session by its number", |screen| {
            screen.lines().any(|line| line.split_whitespace().next() == Some(id.as_str()))
        });
    };
    terminal.press(["Tab", "<"]);
    lists(1);
    terminal.press(["End"]);
    lists(count);
    // It keeps polling, one screen and its neighbours at a time.
    let (known, since) = (between.records().len(), Instant::now());
    let records = between.wait_for_records(known + 6);
    let all = |records: &[SessionRecord]| records.iter().map(|record| record.bytes_down).sum();
    let (bytes, seconds): (u64, _) = (all(&records[known..]), since.elapsed().as_secs());
    assert!(bytes <= MOST_BYTES * (1 + seconds), "{bytes} bytes in {seconds} s");
    for record in records {
        assert!(record.bytes_down <= MOST_BYTES, "{record:?}");
    }
}

/// A forwarder in front of the admin port: its session records show the response sizes.
fn relay(stage: &Stage) -> (Port, Forwarder) {
    let port = Port::v4();
    let config = format!(
        "[process]\nadmin = 'off'\n[log]\nformat = 'json'\n[[forward]]\nlisten = '{}'\nto = '{}'\n",
        port.addr(),
        stage.admin()
    );
    let between = Forwarder::binary(BINARY).config(config).start();
    between.ready();
    (port, between)
}
