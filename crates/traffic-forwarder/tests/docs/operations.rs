//! docs/operations.md: each question's command runs, and its answer fits a terminal of 80 columns.

use crate::repository::{BINARY, document};
use testkit::{Behaviour, Forwarder, Peer, Port, Script, Target, Terminal, connect};

#[test]
fn each_question_has_an_answer_of_80_columns() {
    let (target, port, dead) = (Target::start(Behaviour::Echo), Port::v4(), Port::v4());
    let dir = tempfile::TempDir::new().expect("a temporary directory");
    let admin = format!("unix:{}/admin.sock", dir.path().display());
    let (to, down) = (target.addr(), dead.addr());
    let config = format!(
        "[process]\nadmin = '{admin}'\n[log]\nformat = 'json'\n[[forward]]\nname = 'web'\nlisten = '{}'\n\
         to = ['{down}', '{to}']\nbalance = 'first'\npassive = {{ failures = 1, down = '1h', down_max = '1h' }}\n",
        port.addr(),
    );
    let forwarder = Forwarder::binary(BINARY).config(config).start();
    forwarder.ready();
    let client = connect(&port).expect("a listener");
    let copy = client.try_clone().expect("a descriptor");
    Peer::play("a client", copy, Script::new().write_bytes(".").read_exactly(1)).finish();
    // One that has ended, for the questions about those.
    let ended = connect(&port).expect("a listener");
    let past = ended.local_addr().expect("an address").as_socket().expect("of IP").to_string();
    let script = Script::new().write_bytes(".").read_exactly(1).shutdown_write().expect_eof();
    Peer::play("an earlier client", ended, script).finish();
    forwarder.wait_for_records(1);
    let address = client.local_addr().expect("an address").as_socket().expect("of IP").to_string();
    let terminal = Terminal::open(80, 150);
    let document = document("docs/operations.md");
    let rows = document.table(&["Question", "Command"]);
    assert!(rows.len() >= 10, "{rows:?}");
    for (number, row) in rows.into_iter().enumerate() {
        let command =
            row[1].trim_matches('`').strip_prefix("traffic-forwarder ").expect("a command");
        // The shell computes the number: the end of this command is neither that of the one before nor its echo.
        let line = format!("{BINARY} {command} --admin {admin}; echo code $? of $(({number}))");
        terminal.run(&format!("clear; {line}"));
        let end = format!(" of {number}\n");
        let shown = terminal.wait_for(command, |screen| screen.contains(&end));
        assert!(shown.contains(&format!("\ncode 0{end}")), "{command}\n{shown}");
        let whole = match command.split(' ').next() {
            Some("sessions") if command.contains("--ended") => past.clone(),
            Some("sessions") => address.clone(),
            Some("clients") => "127.0.0.1".to_owned(),
            Some("targets") => down.to_string(),
            Some("status") => "web".to_owned(),
            _ => continue,
        };
        assert!(shown.contains(&whole), "{command}\n{shown}");
    }
}
