//! docs/admin.md: its commands run, in order, against a forwarder with a session, and its tables
//! match the code.

use crate::blocks::blocks;
use crate::repository::{BINARY, document, read};
use crate::stand::Stand;
use api::{ErrorCode, EventName};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::{Behaviour, Forwarder, LIMIT, Peer, Port, Script, Target, Tool, connect, run};

#[test]
fn every_command_returns_an_answer() {
    let (stand, port) = (Stand::new(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let config = format!(
        "[process]\nadmin = 'unix:{}/admin.sock'\n\
         [[forward]]\nname = 'web'\nlisten = '{}'\n\
         to = ['{}', {{ address = 'web.internal:80', backup = true }}]\n",
        stand.dir().display(),
        port.addr(),
        target.addr(),
    );
    let forwarder = Forwarder::binary(BINARY).config(config).start();
    forwarder.ready();
    // The document's examples use session number 1.
    let client = connect(&port).expect("a listener");
    let copy = client.try_clone().expect("a descriptor");
    Peer::play("a client", copy, Script::new().write_bytes(".").read_exactly(1)).finish();
    Tool::find("curl");

    let asking = AtomicBool::new(true);
    let asked = std::thread::scope(|scope| {
        // `watch` prints events only while sessions come and go.
        scope.spawn(|| {
            while asking.load(Ordering::Relaxed) {
                // A drained forward refuses.
                let _ = connect(&port);
            }
        });
        let asked = std::panic::catch_unwind(|| ask(&stand));
        asking.store(false, Ordering::Relaxed);
        asked.unwrap_or_else(|failure| std::panic::resume_unwind(failure))
    });
    drop(client);
    assert!(asked >= 15, "only {asked} commands");
}

fn ask(stand: &Stand) -> usize {
    let mut asked = 0;
    for block in blocks("sh admin") {
        for line in block.text.lines().filter(|line| !line.starts_with('#')) {
            let mut shell = Tool::find("sh").command();
            let answer = run(shell.args(["-euc", &stand.with_free_ports(line)]), LIMIT);
            assert!(answer.status.success(), "{}: {line}: {answer}", block.place);
            assert!(!answer.text().trim().is_empty(), "{}: {line}: empty answer", block.place);
            asked += 1;
        }
    }
    asked
}

#[test]
fn verdict_table_matches_the_program() {
    let document = document("docs/admin.md");
    let rows = document.table(&["Verdict", "When"]);
    let mut found: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    let mut expected: Vec<_> = flow::Verdict::ALL.iter().map(|verdict| verdict.as_str()).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn error_code_table_matches_the_process() {
    let codes = ErrorCode::ALL.iter().filter(|code| !code.is_of_commands());
    let expected: BTreeSet<_> = codes.map(|code| code.as_str().to_owned()).collect();
    let document = document("docs/admin.md");
    let rows = document.table(&["Status", "Code", "When"]);
    let found: BTreeSet<_> = rows.iter().map(|row| row[1].trim_matches('`').to_owned()).collect();
    assert_eq!(found, expected);
}

#[test]
fn event_table_is_complete_and_session_events_can_be_left_out() {
    let document = document("docs/admin.md");
    let rows = document.table(&["Event", "Data", "When"]);
    let found: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    let expected: Vec<_> = EventName::ALL.iter().map(|name| name.as_str()).collect();
    assert_eq!(found, expected);
    let of_sessions = EventName::ALL.iter().filter(|name| name.is_of_every_session());
    let of_sessions: Vec<_> = of_sessions.map(|name| format!("`{}`", name.as_str())).collect();
    let [first, second, third] = &*of_sessions else { panic!("{of_sessions:?}") };
    let text = read("docs/admin.md");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = format!("`?sessions=false` leaves out {first}, {second} and {third}");
    assert!(text.contains(&sentence), "{sentence}");
}
