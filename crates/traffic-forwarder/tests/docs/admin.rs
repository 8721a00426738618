//! What the document of the admin interface says works: its commands are run, in order, against a
//! forwarder with a session, and its tables are those of the code.

use crate::blocks::blocks;
use crate::messages::source;
use crate::repository::{BINARY, document};
use crate::stand::Stand;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::{Behaviour, Forwarder, LIMIT, Peer, Port, Script, Target, Tool, connect, run};

#[test]
fn every_command_is_answered() {
    let (stand, port) = (Stand::new(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let config = format!(
        "[process]\nadmin = 'unix:{}/admin.sock'\n\
         [[forward]]\nname = 'web'\nlisten = '{}'\nto = '{}'\n",
        stand.dir().display(),
        port.addr(),
        target.addr(),
    );
    let forwarder = Forwarder::binary(BINARY).config(config).start();
    forwarder.ready();
    // The session with the number 1, of which the document speaks.
    let client = connect(&port).expect("a listener");
    let copy = client.try_clone().expect("a descriptor");
    Peer::play("a client", copy, Script::new().write_bytes(".").read_exactly(1)).finish();
    Tool::find("curl");

    let asking = AtomicBool::new(true);
    let asked = std::thread::scope(|scope| {
        // There is always something to watch.
        scope.spawn(|| {
            while asking.load(Ordering::Relaxed) {
                drop(connect(&port));
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
            assert!(!answer.text().trim().is_empty(), "{}: {line}: no answer", block.place);
            asked += 1;
        }
    }
    asked
}

#[test]
fn the_verdicts_are_those_of_the_program() {
    let document = document("docs/admin.md");
    let rows = document.table(&["Verdict", "When"]);
    let mut found: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    let mut expected: Vec<_> = flow::Verdict::ALL.iter().map(|verdict| verdict.as_str()).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// Each refusal is made with its code behind its status, or by a `match` that names the codes of an
/// error.
#[test]
fn every_error_code_is_in_the_table_and_no_other() {
    let source = source();
    let mut expected = BTreeSet::new();
    let code_behind = |rest: &str| {
        let code = rest.trim_start().strip_prefix('"')?.split('"').next()?;
        let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
        code.chars().all(is_word).then(|| code.to_owned())
    };
    for (at, marker) in source.match_indices("Refusal::conflict(") {
        expected.extend(code_behind(&source[at + marker.len()..]));
    }
    for (at, marker) in source.match_indices("Self::conflict(") {
        expected.extend(code_behind(&source[at + marker.len()..]));
    }
    for (at, marker) in source.match_indices("StatusCode::") {
        let rest = source[at + marker.len()..].split_once(',');
        let is_name = |name: &str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let rest = rest.filter(|(status, _)| is_name(status));
        expected.extend(rest.and_then(|(_, rest)| code_behind(rest)));
    }
    let (_, codes) = source.split_once("fn code(&self) -> &'static str {").expect("its codes");
    let codes = codes.split("fn ").next().expect("the function");
    expected.extend(codes.split('"').skip(1).step_by(2).map(str::to_owned));
    let document = document("docs/admin.md");
    let rows = document.table(&["Status", "Code", "When"]);
    let found: BTreeSet<_> = rows.iter().map(|row| row[1].trim_matches('`').to_owned()).collect();
    assert!(expected.len() > 15, "{expected:?}");
    assert_eq!(found, expected);
}
