//! The line of the fleet, its events, and texts that a writer of its store has chosen.

use serde_json::json;
use testkit::{Etcd, LIMIT, wait_until};

use crate::stage::Stage;

/// Moves the cursor, turns the text, ends lines, and is markup.
const HOSTILE: &str = "\u{202e}\u{7}\r\n<img src=x onerror=alert(1)>e\u{301}名";

#[test]
fn the_fleet_has_a_line_and_events_and_its_texts_are_harmless() {
    let store = Etcd::start(1);
    let dir = tempfile::TempDir::new().unwrap();
    let (from, keep) = (store.url("/path"), dir.path().join("keep"));
    let fleet = format!("[fleet]\nfrom = '{from}'\nname = 'edge-1'\nkeep = '{}'\n", keep.display());
    let stage = Stage::start(&["local"], &fleet);
    let mut browser = stage.page();
    browser.wait_for_text("#fleet", "fleet: edge-1: waiting, no revision, store read ");
    browser.press(&["4"]);
    stage.wait_for_events(&mut browser, "local");
    let current = json!({ "format": 1, "revision": 7, "stable": null, "trial": null,
        "by": "a test", "note": "", "at": "2026-12-03T00:00:00Z", "earlier": [] });
    store.ctl(["put", "/path/current", &current.to_string()]);
    browser.wait_for_text("#fleet", "waiting, revision 7, store read ");
    browser.wait_for_text("#events ol", "none -> 7");
    let hostile = json!({ "format": 1, "revision": HOSTILE.repeat(2000) });
    store.ctl(["put", "/path/current", &hostile.to_string()]);
    browser.wait_for_text("#troubles", "the fleet: ");
    browser.wait_for_text("#events ol", "waiting -> waiting: ");
    for place in ["#troubles", "#events ol", "#fleet"] {
        let text = browser.texts(place).concat();
        assert!(!text.contains(['\u{202e}', '\u{7}']), "{place}: {text}");
        assert!(text.chars().count() < 5000, "{place}: {text}");
    }
    assert!(browser.texts("#troubles").concat().contains(r"\u{202e}"));
    assert_eq!(browser.evaluate("document.querySelectorAll('img').length"), json!(0));
    drop(store);
    browser.wait_for_text("#fleet", "store silent since 20");
    browser.wait_for_text("#events ol", "silent: ");
    browser.wait_for_text("#troubles", "the fleet's store cannot be read");
    wait_until("no complaint", LIMIT, || browser.complaints().is_empty());
}
