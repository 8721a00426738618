//! Established sessions continue, whatever their activity: each ends afterwards as it would have
//! without the upgrade, and its record is that of one session.

use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Addr, LIMIT, Listener, Place, Port, Script, SessionRecord, connect, wait_until};

use super::kinds::{Ends, KINDS, Kind};
use super::upgrading::start;
use crate::support::{OPENING, Operated, Setup, on_each_setup, play};

on_each_setup!(sessions_of_every_kind_continue);

fn sessions_of_every_kind_continue(setup: Setup) {
    let listeners: Vec<_> = KINDS.iter().map(|kind| Listener::bind(kind.place)).collect();
    let dir = TempDir::new().unwrap();
    let ports: Vec<_> = KINDS.iter().map(|_| Port::v4()).collect();
    let listen = |at: usize| match KINDS[at].place {
        Place::Unix => Addr::Unix(dir.path().join(at.to_string())),
        _ => Addr::Tcp(ports[at].addr()),
    };
    let mut config = setup.config();
    for (at, (kind, listener)) in KINDS.iter().zip(&listeners).enumerate() {
        let settings = setup.settings(format!("name = '{}'\n", kind.name));
        config = config.forward(listen(at), listener.addr(), settings);
    }
    let operated = start(config);
    let begin = |(at, listener): (usize, &Listener)| {
        let client = connect(listen(at)).unwrap();
        let target = listener.accept();
        play(&client, Script::new().write_bytes("?"));
        play(&target, Script::new().read_exactly(1).write_bytes("!"));
        play(&client, Script::new().read_exactly(1));
        let mut ends = Ends { client, target, sent: [0; 2] };
        (KINDS[at].before)(&mut ends);
        ends
    };
    let sessions: Vec<_> = listeners.iter().enumerate().map(begin).collect();
    wait_until("the held bytes of each lane", LIMIT, || {
        let mut rows = KINDS.iter().zip(rows(&operated));
        rows.all(|(kind, row)| held(&row).map(|held| held > 0) == kind.holds)
    });
    let before = rows(&operated);
    for _ in 0..2 {
        let arrival = operated.upgrade();
        assert_eq!(arrival["sessions"], KINDS.len(), "{arrival}");
        assert_eq!(arrival["lost"], 0, "{arrival}");
    }
    for (after, before) in rows(&operated).iter().zip(&before) {
        is_the_same(after, before);
    }
    // The last one first: without a client, it ends if its target reads nothing for five seconds.
    let ends = KINDS.iter().zip(sessions).rev();
    let mut moved: Vec<_> = ends.map(|(kind, ends)| (kind.after)(ends)).collect();
    moved.reverse();
    let records = operated.wait_for_records(KINDS.len());
    for ((kind, before), moved) in KINDS.iter().zip(&before).zip(moved) {
        let record = records.iter().find(|record| record.forward == kind.name).unwrap();
        is_the_record(record, kind, before, moved, setup);
    }
}

/// Rows of the list of sessions, in the order of [`KINDS`].
#[track_caller]
fn rows(operated: &Operated) -> Vec<Value> {
    let all = operated.sessions();
    let row = |kind: &Kind| all.iter().find(|row| row["forward"] == kind.name).unwrap().clone();
    KINDS.iter().map(row).collect()
}

fn held(row: &Value) -> [u64; 2] {
    ["up", "down"].map(|lane| row[lane]["held"].as_u64().unwrap())
}

#[track_caller]
fn is_the_same(after: &Value, before: &Value) {
    for field in ["id", "client", "listener", "target_address", "connect_time", "phase"] {
        assert_eq!(after[field], before[field], "{field}: {after}");
    }
    assert_eq!(held(after), held(before), "{after}");
    for lane in ["up", "down"] {
        for field in ["bytes", "path", "fallback", "ended"] {
            assert_eq!(after[lane][field], before[lane][field], "{lane} {field}: {after}");
        }
    }
}

#[track_caller]
fn is_the_record(
    record: &SessionRecord,
    kind: &Kind,
    before: &Value,
    [up, down]: [u64; 2],
    setup: Setup,
) {
    let text = &record.json;
    assert_eq!(record.close_reason(), kind.close_reason, "{text}");
    assert_eq!(record.id, before["id"].to_string(), "{text}");
    assert_eq!([record.bytes_up, record.bytes_down], [OPENING + up, OPENING + down], "{text}");
    assert!(record.duration > Duration::from_secs_f64(before["age"].as_f64().unwrap()), "{text}");
    let connected = before["connect_time"].as_f64().unwrap();
    assert_eq!(record.connect_time, Some(Duration::from_secs_f64(connected)), "{text}");
    // Unix sockets copy small messages, whatever the path.
    assert!(record.path_up.as_deref().unwrap().ends_with(setup.path), "{text}");
}
