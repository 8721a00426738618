//! Thousands of forwards and sessions.

use std::path::PathBuf;

use testkit::{Behaviour, Target, Terminal, connect, raise_open_files};

use crate::support::{BINARY, Config, Desk, ping};

const FORWARDS: usize = 1000;
const SESSIONS: usize = 1500;

#[test]
fn it_stays_quick_with_a_thousand_forwards_and_more_sessions() {
    // This test's clients and targets, and as many descriptors again in the forwarder.
    let files = raise_open_files();
    assert!(files > 2 * SESSIONS as u64 + 1000, "{files} open files are not enough");
    let (desk, target) = (Desk::new(), Target::start(Behaviour::Echo));
    let listen = |index: usize| format!("unix:{}", desk.path(&format!("{index}.sock")));
    let config = Config::new().admin(&desk.admin()).log("sessions = false");
    let config = (0..FORWARDS).fold(config, |config, index| {
        let settings = format!("name = 'forward-{index}'\nmax_sessions = {SESSIONS}");
        config.forward(listen(index), target.addr(), settings)
    });
    let _forwarder = config.start();
    let path = PathBuf::from(desk.path("0.sock"));
    let clients: Vec<_> = (0..SESSIONS).map(|_| connect(path.clone()).unwrap()).collect();
    clients.iter().for_each(ping);
    let terminal = Terminal::open(80, 24);
    terminal.run(&format!("{BINARY} top --admin {}", desk.admin()));
    terminal.shows("forward-0 ");
    terminal.press(["End"]);
    terminal.shows(&format!("forward-{} ", FORWARDS - 1));
    terminal.press(["PageUp", "PageUp"]);
    terminal.wait_for("rows before", |screen| {
        !screen.contains("forward-999") && screen.contains("forward-9")
    });
    terminal.press(["Tab", "<"]);
    terminal.shows("\n     1 ");
    terminal.press(["End"]);
    terminal.shows(&format!("\n{SESSIONS:6} "));
}
