//! An unreadable or partly readable state: the process continues, its listeners refuse no client,
//! unreadable sessions are reset and counted, and the log reports it.

use std::fs;

use handover::Session;
use testkit::{Behaviour, Forwarder, LIMIT, Port, Signal, Target, connect, wait_until};

use super::fixture::{Fixture, IDLE, PATHS};
use super::state::{State, rewrite};
use crate::support::{BINARY, Config, messages, served_client};

/// Changes the bytes of a state.
type Damage = fn(Vec<u8>) -> Vec<u8>;

/// Flips a bit in the first byte after the header of part `number`.
fn flip_part(mut bytes: Vec<u8>, number: usize) -> Vec<u8> {
    const HEAD: usize = 24;
    const PART_HEAD: usize = 16;
    let mut at = HEAD;
    for _ in 0..number {
        let length = u64::from_le_bytes(bytes[at + 8..at + PART_HEAD].try_into().unwrap());
        at += PART_HEAD + usize::try_from(length).unwrap();
    }
    bytes[at + PART_HEAD] ^= 1;
    bytes
}

/// The session of a forward.
fn session<'s>(state: &'s mut State, forward: &str) -> &'s mut Session {
    let worker = &mut state.workers[0];
    let is_its = |route: &handover::Route| route.forward == forward;
    let route = worker.routes.iter().position(is_its).unwrap();
    worker.sessions.iter_mut().find(|session| session.route as usize == route).unwrap()
}

#[test]
fn the_whole_state_is_unreadable() {
    let damages: [(Damage, &str); 5] = [
        (|_| Vec::new(), "does not start with a valid header"),
        (|bytes| bytes[..23].to_vec(), "does not start with a valid header"),
        (|_| b"something else, and quite long".repeat(1000), "does not start with a valid header"),
        (
            |mut bytes| {
                bytes[0] ^= 1;
                bytes
            },
            "does not start with a valid header",
        ),
        (of_another_major_version, "its format is version 2"),
    ];
    for (damage, words) in damages {
        let fixture = Fixture::new();
        fixture.upgrade_with(damage);
        fixture.all_are_reset();
        // The number of lost sessions is unknown.
        fixture.assert_lost(0);
        fixture.assert_recovers(Some(words));
    }
}

fn of_another_major_version(mut bytes: Vec<u8>) -> Vec<u8> {
    const MAJOR: usize = 12;
    const CHECKSUM: usize = 20;
    bytes[MAJOR] = 2;
    let checksum = crc32(&bytes[..CHECKSUM]).to_le_bytes();
    bytes[CHECKSUM..CHECKSUM + 4].copy_from_slice(&checksum);
    bytes
}

/// CRC-32 as in Ethernet, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn the_process_part_is_unreadable() {
    sessions_go_on_without_part(0);
}

#[test]
fn the_forwards_part_is_unreadable() {
    sessions_go_on_without_part(1);
}

fn sessions_go_on_without_part(number: usize) {
    let fixture = Fixture::new();
    fixture.upgrade_with(|bytes| flip_part(bytes, number));
    fixture.all_continue();
    fixture.assert_lost(0);
    fixture.assert_recovers(Some("one of its parts is damaged or cut off"));
}

#[test]
fn a_worker_part_is_unreadable() {
    for damage in
        [(|bytes| flip_part(bytes, 2)) as Damage, |bytes| bytes[..bytes.len() - 1].to_vec()]
    {
        let fixture = Fixture::new();
        assert_eq!(fixture.upgrade_with(damage)["lost"], 3);
        fixture.all_are_reset();
        fixture.assert_lost(3);
        fixture.assert_recovers(Some("one of its parts is damaged or cut off"));
    }
}

/// The checksum is right and the content wrong: each fault loses its own session only.
#[test]
fn a_session_is_unreadable() {
    type SessionDamage = (&'static str, fn(&mut Session));
    let damages: [SessionDamage; 9] = [
        (IDLE, |session| session.client = 9999),
        (IDLE, |session| session.target = Some(session.client)),
        (IDLE, |session| session.target = None),
        (IDLE, |session| session.route = 77),
        (IDLE, |session| session.flow = handover::pack(&[u64::MAX; 3])),
        (IDLE, |session| session.flow = vec![0xff; 3]),
        ("splice", |session| session.up.as_mut().unwrap().pipe_read = Some(9999)),
        ("splice", |session| session.up = None),
        ("copy", |session| _ = session.up.as_mut().unwrap().bytes.pop()),
    ];
    for (forward, damage) in damages {
        let fixture = Fixture::new();
        let arrival =
            fixture.upgrade_with(|bytes| rewrite(&bytes, |state| damage(session(state, forward))));
        assert_eq!((&arrival["sessions"], &arrival["lost"]), (&2.into(), &1.into()), "{arrival}");
        match forward {
            IDLE => fixture.idle_is_reset(),
            _ => fixture.idle_continues(),
        }
        for (at, path) in PATHS.iter().enumerate() {
            if *path == forward {
                fixture.full_is_reset(at);
            } else {
                fixture.full_continues(at);
            }
        }
        fixture.assert_lost(1);
        fixture.assert_recovers(None);
    }
}

/// A later version may add parts, fields, and numbers; an earlier one lacks some.
#[test]
fn a_neighbouring_version_is_understood() {
    /// Field 1000, a number: 7.
    const UNKNOWN_FIELD: [u8; 3] = [0xc0, 0x3e, 7];
    let fixture = Fixture::new();
    let arrival = fixture.upgrade_with(|bytes| {
        let newer = rewrite(&bytes, |state| {
            for session in &mut state.workers[0].sessions {
                session.flow.extend(handover::pack(&[7; 9]));
            }
        });
        let file = handover::File::read(&newer);
        let mut bytes = handover::WriteFile::head(file.parts.len());
        for (part, body) in &file.parts {
            let body = [*body, &UNKNOWN_FIELD].concat();
            bytes.extend(handover::WriteFile::part_head(*part, &body));
            bytes.extend(body);
        }
        bytes
    });
    assert_eq!((&arrival["sessions"], &arrival["lost"]), (&3.into(), &0.into()), "{arrival}");
    let arrival = fixture.upgrade_with(|bytes| {
        rewrite(&bytes, |state| {
            // The last part of a session's numbers may be shorter.
            for session in &mut state.workers[0].sessions {
                let mut numbers = Vec::new();
                assert!(handover::unpack(&session.flow, &mut numbers));
                session.flow = handover::pack(&numbers[..numbers.len() - 4]);
            }
            state.process.files_at_start = 0;
            state.process.asked_by = String::new();
        })
    });
    assert_eq!(arrival["lost"], 0, "{arrival}");
    fixture.all_continue();
    fixture.assert_lost(0);
    fixture.assert_recovers(None);
}

/// The variable names another process, or no descriptor: the process starts normally.
#[test]
fn a_process_without_a_state_starts_fresh() {
    for value in ["", "7", "7:", ":$$", "x:$$", "7:1", "99999999999:$$", "-1:$$", "0:$$", "1000:$$"]
    {
        starts_fresh(value, "/dev/null");
    }
}

/// The descriptor is open, but its file is not a state.
#[test]
fn a_process_with_an_invalid_state_starts_fresh() {
    let dir = tempfile::TempDir::new().unwrap();
    let nonsense = dir.path().join("nonsense");
    fs::write(&nonsense, "nonsense").unwrap();
    for file in ["/dev/null", nonsense.to_str().unwrap(), dir.path().to_str().unwrap()] {
        starts_fresh("7:$$", file);
    }
}

/// Starts a process with this value of the variable, and with this file as descriptor 7.
#[track_caller]
fn starts_fresh(value: &str, file: &str) {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().forward(port.addr(), target.addr(), "").text();
    let script = format!("TRAFFIC_FORWARDER_HANDOVER={value} exec \"$@\" 7<'{file}'");
    let forwarder =
        Forwarder::binary("/bin/sh").args(["-c", &script, "sh", BINARY]).config(config).start();
    wait_until("a listener", LIMIT, || connect(&port).is_ok());
    served_client(&port);
    forwarder.signal(Signal::TERM);
    assert_eq!(
        forwarder.wait_exit(LIMIT).code(),
        Some(0),
        "{value} {:?}",
        messages(&forwarder, "")
    );
}

/// A forward without its listener accepts no new client; its existing sessions are worth more than
/// a restart.
#[test]
fn a_listener_is_unavailable() {
    let fixture = Fixture::new();
    fixture.upgrade_with(|bytes| {
        rewrite(&bytes, |state| {
            state.forwards.listeners.iter_mut().skip(1).for_each(|listener| listener.fd = 9999);
        })
    });
    fixture.idle_continues();
    for (at, forward) in PATHS.iter().enumerate() {
        let forward = fixture.operated.http.json(&format!("/v1/forwards/{forward}"));
        assert_eq!((&forward["state"], &forward["sessions"]), (&"skipped".into(), &1.into()));
        fixture.full_continues(at);
    }
    let message = "a listener was not taken over and cannot be bound again: the forward is skipped, \
                and is tried again";
    assert_eq!(messages(&fixture.operated, message).len(), PATHS.len());
    fixture.assert_lost(0);
    fixture.assert_recovers(None);
}
