//! State files written by released versions. The files and their expected contents never change:
//! every released version must be able to upgrade to this one.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use flow::{Direction, Race, Session, Stage};
use handover::{File, Forwards, Part, Process, Standing, Worker, WriteFile};

/// One worker with five sessions: two idle, one of them on a removed forward; two with buffered
/// bytes, one in memory and one in a pipe; one still connecting. A configuration is on trial.
const STATE_1_0: &[u8] = include_bytes!("samples/1.0.bin");

fn part<M: Default + prost::Message>(file: &File<'_>, part: Part) -> M {
    handover::decode(file.part(part).unwrap()).unwrap()
}

#[test]
fn the_process_of_1_0() {
    let file = File::read(STATE_1_0);
    assert_eq!(file.damage, None);
    let process: Process = part(&file, Part::Process);
    assert_eq!(process.version, "0.1.0");
    let arguments: [&[u8]; 3] = [b"traffic-forwarder", b"-c", b"/etc/traffic-forwarder.conf"];
    assert_eq!(process.arguments, arguments);
    let config = "[[forward]]\nname = 'web'\nlisten = ':8080'\nto = '192.0.2.1:80'\n";
    assert_eq!(process.config_text.as_deref(), Some(config));
    assert_eq!((process.generation, process.started), (2, 1_795_389_975_542_121));
    let reload = process.last_reload.unwrap();
    assert_eq!((reload.at, &*reload.by, reload.error), (1_795_389_977_341_742, "admin", None));
    let trial = process.trial.unwrap();
    assert_eq!((&*trial.config_text, trial.left), ("8080 | 192.0.2.1 | 80\n", 59_796_112));
    assert_eq!((process.workers, process.files_at_start), (1, 13));
    assert_eq!((process.log_queue_full, process.log_write_failed), (0, 0));
    assert_eq!((process.upgrades, &*process.asked_by), (1, "admin"));
    assert_eq!((process.admin, process.stopped_at), (Some(9), 27_247_027_296));
    assert_eq!(process.kept_listeners, ["web"]);
    assert_eq!(process.sandbox, None, "version 1.0 had no sandbox");
}

#[test]
fn the_forwards_of_1_0() {
    let forwards: Forwards = part(&File::read(STATE_1_0), Part::Forwards);
    let rows: Vec<_> = forwards
        .forwards
        .iter()
        .map(|it| (&*it.name, it.standing(), it.totals.as_ref().unwrap().opened))
        .collect();
    let (active, removed) = (Standing::Active, Standing::Removed);
    let expected =
        [("web", active, 2), ("slow", active, 1), ("bulk", active, 1), ("copied", active, 1)];
    assert_eq!(rows[..4], expected);
    assert_eq!(rows[4..], [("old", removed, 1)]);
    let old = &forwards.forwards[4];
    assert!(old.removed_text.starts_with("[[forward]]\nname = \"old\"\n"), "{}", old.removed_text);
    assert_eq!(old.removed_for, 204_044);
    let web = forwards.forwards[0].totals.clone().unwrap();
    assert_eq!((&*web.closed[0].word, web.closed[0].count), ("client relay fin", 1));
    assert_eq!(web.bytes, [2, 0, 2, 0]);
    assert_eq!(web.connecting.unwrap().sum, 344);
    assert_eq!(web.living.unwrap().classes[1], 1);
    let listeners: Vec<_> =
        forwards.listeners.iter().map(|it| (it.fd, &*it.address, it.number)).collect();
    let expected = [
        (15, "127.0.0.1:34873", 0),
        (17, "127.0.0.1:42479", 2),
        (18, "127.0.0.1:33611", 3),
        (19, "127.0.0.1:44087", 4),
    ];
    assert_eq!(listeners, expected);
    assert_eq!((&*forwards.forgotten, forwards.next_id), (&[0, 0, 0][..], 7));
    assert_eq!(forwards.epolls, [14]);
}

#[test]
fn the_sessions_of_1_0() {
    let worker: Worker = part(&File::read(STATE_1_0), Part::Worker);
    let forward = |route: u32| &*worker.routes[route as usize].forward;
    let rows: Vec<_> =
        worker.sessions.iter().map(|it| (it.id, forward(it.route), it.client, it.target)).collect();
    let expected = [
        (1, "web", 20, Some(21)),
        (2, "old", 22, Some(23)),
        (5, "copied", 24, Some(25)),
        (4, "bulk", 26, Some(27)),
        (6, "slow", 31, Some(32)),
    ];
    assert_eq!(rows, expected);
    assert_eq!(worker.routes[0].listen, "127.0.0.1:34873");
    assert_eq!(worker.routes[0].target, "127.0.0.1:39183");
    let [web, old, copied, bulk, slow] = &worker.sessions[..] else { panic!("{worker:?}") };
    let client = web.client_address.as_ref().unwrap();
    assert_eq!((&*client.ip, client.port), (&[127, 0, 0, 1][..], 48106));
    assert_eq!(copied.up.as_ref().unwrap().bytes, b"hello");
    let pipe = bulk.up.as_ref().unwrap();
    assert_eq!((pipe.pipe_read, pipe.pipe_write), (Some(28), Some(29)));
    assert!(web.options_due && !slow.options_due);
    assert_eq!((web.key, slow.key, worker.next_generation), (4_294_967_296, 25_769_803_780, 7));

    let read = |session: &handover::Session| {
        let mut numbers = Vec::new();
        assert!(handover::unpack(&session.flow, &mut numbers));
        Session::from_numbers(&numbers).unwrap()
    };
    let lanes = [web, old, copied, bulk].map(|it| {
        Direction::BOTH.map(|lane| (read(it).lane(lane).received(), read(it).lane(lane).held()))
    });
    let one_byte = [(1, 0), (1, 0)];
    assert_eq!(lanes[..2], [one_byte, one_byte]);
    assert_eq!(lanes[2..], [[(3_909_125, 5), (0, 0)], [(3_932_160, 9_728), (0, 0)]]);
    assert_eq!(read(web).accepted().as_micros(), 27_245_025_655);
    assert!(matches!(read(web).stage(), Stage::Relaying));
    assert!(matches!(read(slow).stage(), Stage::Connecting { .. }));
    let connecting = slow.connecting.as_ref().unwrap();
    let end = Race::end_from_numbers(&connecting.attempts).unwrap();
    assert_eq!(end.as_micros(), 27_251_820_653);
    assert!(!connecting.is_resolved);
}

/// Unknown fields are skipped, and missing fields get their defaults.
#[test]
fn states_of_neighbouring_versions_are_read() {
    /// Field 1000 with the text `new`.
    const NEW_FIELD: &[u8] = &[0xc2, 0x3e, 3, b'n', b'e', b'w'];
    let file = File::read(STATE_1_0);
    let bytes = file.part(Part::Worker).unwrap();
    let worker: Worker = handover::decode(bytes).unwrap();
    let newer: Worker = handover::decode(&[bytes, NEW_FIELD].concat()).unwrap();
    assert_eq!(newer, worker);
    let older: Process = handover::decode(&[0x20, 2]).unwrap();
    assert_eq!(older, Process { generation: 2, ..Process::default() });
    // Rewritten by this version, every part stays the same.
    let mut again = WriteFile::head(file.parts.len());
    for (part, body) in &file.parts {
        again.extend(WriteFile::part_head(*part, body));
        again.extend(*body);
    }
    assert!(File::read(&again).parts == file.parts);
    assert_eq!(handover::encode(&worker), bytes);
}
