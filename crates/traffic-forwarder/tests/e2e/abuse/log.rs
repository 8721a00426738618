//! Sessions that flood the log: at level trace, each writes several lines.

use testkit::{Behaviour, ForwarderBuilder, connect_and_close};

use super::{Abused, MIB, QUEUEING, QUEUEING_FILES};
use crate::support::Config;

/// Total of all log queues.
const QUEUES: u64 = 8 * MIB;
/// Enough to fill all queues: each session queues three reports.
const SESSIONS: u64 = 20_000;

/// Standard error is read until the process is ready, then left open and unread.
fn unread(forwarder: ForwarderBuilder) -> ForwarderBuilder {
    let reader = r#"grep -m 1 '"ready"' >&2; exec tail --pid=$$ -f /dev/null"#;
    let script = format!(r#"exec "$0" "$@" 2> >({reader})"#);
    forwarder.through("bash", ["-c".to_owned(), script])
}

/// Only the log writer blocks.
#[test]
fn a_blocked_log_holds_bounded_memory_and_delays_no_session() {
    let config = Config::new().log("level = 'trace'\nformat = 'json'");
    let abused = Abused::start_with(config, Behaviour::Sink, QUEUEING, unread);
    let mut sessions = 0;
    abused.beside_until("log", QUEUEING_FILES, QUEUES, || {
        for _ in 0..100 {
            connect_and_close(&abused.port);
        }
        sessions += 100;
        sessions >= SESSIONS
    });
    abused.assert_released();
}
