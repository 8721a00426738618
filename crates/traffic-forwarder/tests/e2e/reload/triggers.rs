//! Reloads without the admin interface: by a signal, and by a change of the watched file.

use std::fs;

use testkit::{LIMIT, Script, Signal, wait_until};

use super::{Pair, RELOADED, is_refused};
use crate::support::{QUIET, messages, ping, play, served_client};

const FAILED: &str = "reload failed; nothing was changed";

#[test]
fn sighup_reloads() {
    let pair = Pair::start("");
    let client = served_client(&pair.ports[0]);
    pair.operated.write(pair.first());
    pair.operated.signal(Signal::HUP);
    pair.operated.wait_for_message(RELOADED);
    assert_eq!(messages(&pair.operated, RELOADED)[0]["by"], "SIGHUP");
    assert!(is_refused(&pair.ports[1]));
    ping(&client);
}

#[test]
fn a_watched_file_is_reloaded_when_it_is_replaced() {
    let pair = Pair::start("watch = true");
    pair.operated.write(pair.first().process("watch = true"));
    pair.operated.wait_for_message(RELOADED);
    assert_eq!(messages(&pair.operated, RELOADED)[0]["by"], "watch");
    pair.operated.write(pair.with_second(pair.echo(), "").process("watch = true"));
    wait_until("the second reload", LIMIT, || pair.operated.generation() == 3);
    served_client(&pair.ports[1]);
}

/// Another program writes the file in two parts, with a pause in which the first part is read.
#[test]
fn a_watched_file_that_is_written_slowly_is_not_reported_as_wrong() {
    let pair = Pair::start("watch = true");
    let client = served_client(&pair.ports[0]);
    let text = pair.with_second(pair.echo(), "").process("watch = true").text();
    let half = text.len() - 2;
    fs::write(pair.operated.config_path(), &text[..half]).unwrap();
    play(&client, Script::new().expect_silence(7 * QUIET));
    fs::write(pair.operated.config_path(), &text).unwrap();
    pair.operated.wait_for_message(RELOADED);
    served_client(&pair.ports[1]);
    assert_eq!(messages(&pair.operated, FAILED).len(), 0);
}

#[test]
fn a_wrong_watched_file_is_reported_once_after_a_second_look() {
    let pair = Pair::start("watch = true");
    let client = served_client(&pair.ports[0]);
    fs::write(pair.operated.config_path(), "[[forward").unwrap();
    pair.operated.wait_for_message(FAILED);
    play(&client, Script::new().expect_silence(7 * QUIET));
    assert_eq!(messages(&pair.operated, FAILED).len(), 1);
    assert_eq!(messages(&pair.operated, FAILED)[0]["by"], "watch");
}

#[test]
fn a_missing_watched_file_is_reported_once_and_changes_nothing() {
    const GONE: &str =
        "the watched file is gone: what runs goes on, and it is read again when it is back";
    let pair = Pair::start("watch = true");
    let client = served_client(&pair.ports[0]);
    fs::remove_file(pair.operated.config_path()).unwrap();
    pair.operated.wait_for_message(GONE);
    ping(&client);
    pair.operated.write(pair.with_second(pair.echo(), "").process("watch = true"));
    pair.operated.wait_for_message(RELOADED);
    assert_eq!(messages(&pair.operated, GONE).len(), 1);
}

#[test]
fn an_unwatched_file_is_not_reloaded() {
    let pair = Pair::start("");
    pair.operated.write(pair.first());
    let client = served_client(&pair.ports[1]);
    play(&client, Script::new().expect_silence(4 * QUIET));
    assert_eq!(pair.operated.generation(), 1);
}
