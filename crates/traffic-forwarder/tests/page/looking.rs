//! Figures, lists, details and conditions on the page.

use testkit::{LIMIT, wait_until};

use crate::browser::Browser;
use crate::stage::Stage;

/// JavaScript expression: exact value of the bytes-up figure at the top.
const BYTES_UP: &str =
    r#"Number(document.querySelector('[data-figure="Up"] .main').dataset.value)"#;

#[track_caller]
fn number(browser: &mut Browser, script: &str) -> u64 {
    browser.evaluate(script).as_u64().unwrap()
}

/// Names of the listed forwards.
#[track_caller]
fn names(browser: &mut Browser) -> Vec<String> {
    browser.texts("#forwards tbody td:first-child")
}

#[test]
fn the_numbers_move_while_load_runs() {
    let stage = Stage::start(&["quiet", "busy"], "");
    let mut browser = stage.page();
    let load = stage.load(1);
    for _ in 0..3 {
        let before = number(&mut browser, BYTES_UP);
        browser.wait(&format!("{BYTES_UP} > {before}"));
    }
    let moves = |text: &str| text != "0 B/s" && text.ends_with("B/s");
    browser.wait("document.querySelector('#down-now').textContent.includes('KiB')");
    let up = browser.texts(r#"[data-figure="Up"] .main"#);
    assert!(moves(&up[0]), "{up:?}");
    let rates = browser.texts("#forwards tbody td:nth-child(12)");
    assert!(!moves(&rates[0]) && moves(&rates[1]), "{rates:?}");
    assert_eq!(browser.texts("#sessions-now"), ["1"]);
    drop(load);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn numbers_at_rest_equal_the_metrics_and_the_commands() {
    let stage = Stage::start(&["one", "two"], "");
    drop((stage.load(0), stage.load(1), stage.load(1)));
    wait_until("no session", LIMIT, || stage.sessions().is_empty());
    let metrics = stage.http().get("/metrics").success().body;
    let sum = |forward: &str, lane: &str| -> u64 {
        let series = metrics.lines().filter(|line| {
            line.starts_with("traffic_forwarder_bytes_total")
                && line.contains(&format!("forward=\"{forward}\""))
                && line.contains(&format!("lane=\"{lane}\""))
        });
        series.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    let (one, two) = (sum("one", "up"), sum("two", "down"));
    assert!(one > 20_000 && two > 40_000, "{metrics}");
    let mut browser = stage.page();
    let cell = |row: u32, column: u32| {
        format!("document.querySelector('#forwards tr:nth-child({row}) td:nth-child({column})')")
    };
    let (up, down) = (cell(1, 9), cell(2, 10));
    browser.wait(&format!("{up} !== null"));
    assert_eq!(number(&mut browser, &format!("Number({up}.dataset.value)")), one);
    assert_eq!(number(&mut browser, &format!("Number({down}.dataset.value)")), two);
    let total = sum("one", "up") + sum("two", "up");
    assert_eq!(number(&mut browser, BYTES_UP), total);
    let printed = stage.command(&["status"]);
    for cell in [up, down] {
        let shown = browser.evaluate(&format!("{cell}.innerText"));
        let shown = shown.as_str().unwrap();
        assert!(printed.contains(&format!(" {shown}")), "{shown}:\n{printed}");
    }
}

#[test]
fn forwards_are_filtered_and_sorted_by_the_api() {
    let stage = Stage::start(&["web", "database", "webmail", "cache"], "");
    let _clients = [stage.client(3), stage.client(3), stage.client(1)];
    let mut browser = stage.page();
    browser.wait_for_text("#forwards tbody", "cache");
    assert_eq!(names(&mut browser), ["web", "database", "webmail", "cache"]);
    browser.fill("#forwards [name=name]", "web");
    browser.wait("document.querySelectorAll('#forwards tbody tr').length === 2");
    assert_eq!(names(&mut browser), ["web", "webmail"]);
    browser.fill("#forwards [name=name]", "no such name");
    browser.wait_for_text("#forwards .message", "no forwards");
    browser.fill("#forwards [name=name]", "");
    // By heading, and by the order list.
    browser.click("#forwards th:nth-child(5) button");
    browser.wait("document.querySelector('#forwards tbody td')?.innerText === 'cache'");
    assert_eq!(names(&mut browser)[..2], ["cache", "database"]);
    let order = "document.querySelector('#forwards th:nth-child(5)').ariaSort";
    assert_eq!(browser.evaluate(order), "descending");
    browser.select("#forwards [name=sort]", "name");
    browser.wait(
        "document.querySelector('#forwards tbody tr:nth-child(2) td')?.innerText === 'database'",
    );
    assert_eq!(names(&mut browser), ["cache", "database", "web", "webmail"]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn sessions_are_filtered_and_a_wrong_filter_is_explained() {
    let stage = Stage::start(&["one", "two"], "");
    let _clients = [stage.client(0), stage.client(1), stage.client(1)];
    let mut browser = stage.page();
    browser.click("#sessions-tab");
    browser.wait("document.querySelectorAll('#sessions tbody tr').length === 3");
    browser.fill("#sessions [name=forward]", "two");
    browser.press(&["Enter"]);
    browser.wait("document.querySelectorAll('#sessions tbody tr').length === 2");
    browser.select("#sessions [name=sort]", "id");
    browser.wait("document.querySelector('#sessions tbody td').innerText === '2'");
    assert_eq!(browser.texts("#sessions tbody td:first-child"), ["2", "3"]);
    assert_eq!(browser.complaints(), [""; 0]);
    browser.fill("#sessions [name=forward]", "three");
    browser.press(&["Enter"]);
    browser.wait_for_text("#sessions .message", "there is no forward `three`");
    browser.fill("#sessions [name=forward]", "");
    browser.fill("#sessions [name=client]", "127.0.0.9");
    browser.press(&["Enter"]);
    browser.wait_for_text("#sessions .message", "no open session matches");
}

#[test]
fn a_session_and_a_forward_are_shown_in_full() {
    let stage = Stage::start(&["only"], "max_sessions = 7");
    let client = stage.client(0);
    let mut browser = stage.page();
    browser.click("#forwards tbody button");
    browser.wait_for_text("#details-dialog .facts", "max_sessions = 7");
    browser.click("#details-dialog [value=chart]");
    browser.wait_for_text("#scope", "only");
    browser.wait("document.querySelector('#sessions-now').textContent === '1'");
    browser.click("#all");
    browser.wait_for_text("#scope", "All forwards");
    browser.click("#forwards tbody button");
    browser.click("#details-dialog [value=sessions]");
    browser.click("#sessions tbody button");
    let local = client.local_addr().unwrap().as_socket().unwrap().to_string();
    browser.wait_for_text("#details-dialog .facts", &local);
    browser.wait_for_text("#details-dialog .facts", "rtt ");
    drop(client);
    // The record of the session takes the place of its present state.
    browser.wait_for_text("#details-dialog .facts", "client/relay/fin");
    assert_eq!(browser.texts("#details-dialog .message"), [""]);
    assert_eq!(browser.evaluate("document.querySelector('#details-act').hidden"), true);
}

#[test]
fn conditions_that_need_action_are_red() {
    let stage = Stage::start(&["calm", "full"], "max_sessions = 1");
    let mut browser = stage.page();
    assert!(browser.evaluate("document.querySelector('#troubles').hidden").as_bool().unwrap());
    let client = stage.client(1);
    browser.wait_for_text("#troubles", "full: at its limit of 1 session");
    let red = "[...document.querySelectorAll('td[data-tone=bad]')].map((cell) => cell.innerText)";
    assert_eq!(browser.evaluate(red), serde_json::json!(["1/1"]));
    drop(client);
    browser.wait("document.querySelector('#troubles').hidden");
    assert_eq!(browser.complaints(), [""; 0]);
}
