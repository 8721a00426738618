//! A hostile or mistaken configuration: more forwards than the process can hold.

use testkit::{Behaviour, ForwarderBuilder, LIMIT, wait_until};

use super::{Abused, MIB, QUEUEING};
use crate::support::{Config, messages};

/// Limit of open files, below the number of forwards.
const OPEN_FILES: u64 = 4096;

/// Memory to compare the longest accepted configuration with the running one.
const READING: u64 = 512 * MIB;
/// The part of it that is not returned: the reload's error, and heap fragmentation.
const LEFT: u64 = 16 * MIB;

/// `count` forwards with one listener each.
fn forwards(count: u32) -> Config {
    (0..count).fold(Config::new(), |config, number| {
        let [_, a, b, c] = (number + 1).to_be_bytes();
        config.forward(format!("127.{a}.{b}.{c}:18080"), "127.0.0.1:9", "")
    })
}

/// Each configuration is refused as a whole, before any bind.
#[test]
fn too_many_forwards_are_refused_and_the_running_ones_continue() {
    let prepare = |builder: ForwarderBuilder| builder.open_files(OPEN_FILES);
    let abused = Abused::start_with(Config::new(), Behaviour::Sink, QUEUEING, prepare);
    let ranges = (1..=4).fold(Config::new(), |config, number| {
        config.forward(format!("127.0.0.{number}:1-65535"), "127.0.0.9:1-65535", "")
    });
    let mut refused = [
        (forwards(60_000), 409, "the open-file limit is 4096, and 6"),
        (ranges, 422, "there are more than 100000 listeners"),
        (forwards(300_000), 422, "is larger than 16 MiB"),
    ]
    .into_iter();
    let before = abused.operated.peak_rss_bytes();
    abused.beside_until("forwards", 8, LEFT, || {
        let Some((config, status, says)) = refused.next() else { return true };
        abused.operated.write(config);
        let answer = abused.operated.http.post("/v1/reload");
        let text = answer.json()["error"]["message"].to_string();
        assert!(answer.status == status && text.contains(says), "{} {text:.500}", answer.status);
        false
    });
    let peak = abused.operated.peak_rss_bytes() - before;
    assert!(peak < READING, "{peak} bytes of memory");
    assert_eq!(abused.operated.generation(), 1);
    wait_until("a word about each", LIMIT, || {
        messages(&abused.operated, "reload failed; nothing was changed").len() == 3
    });
    abused.assert_released();
}
