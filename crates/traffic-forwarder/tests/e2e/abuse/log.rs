//! By those who make the process log: at level trace, each session is several lines.

use testkit::{Behaviour, ForwarderBuilder, connect};

use super::{Abused, EVERYBODY, EVERYBODY_FILES, MIB};
use crate::support::Config;

/// Reports and lines that may wait to be written, all of them.
const QUEUES: u64 = 8 * MIB;
/// Enough to fill all queues: each session makes three reports.
const SESSIONS: u64 = 20_000;

/// Standard error is read until the process is ready; then nobody reads, and nobody closes it.
fn unread(forwarder: ForwarderBuilder) -> ForwarderBuilder {
    let reader = r#"grep -m 1 '"ready"' >&2; exec tail --pid=$$ -f /dev/null"#;
    let script = format!(r#"exec "$0" "$@" 2> >({reader})"#);
    forwarder.through("bash", ["-c".to_owned(), script])
}

/// The thread that writes stands still, and no other.
#[test]
fn a_log_that_stands_still_keeps_a_bounded_number_of_lines_and_stops_nobody() {
    let config = Config::new().log("level = 'trace'\nformat = 'json'");
    let abused = Abused::start_with(config, Behaviour::Sink, EVERYBODY, unread);
    let mut sessions = 0;
    abused.beside_until("log", EVERYBODY_FILES, QUEUES, || {
        for _ in 0..100 {
            drop(connect(&abused.port).unwrap());
        }
        sessions += 100;
        sessions >= SESSIONS
    });
    abused.gives_back();
}
