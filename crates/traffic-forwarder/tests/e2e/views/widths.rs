//! Tables on a terminal of 80 columns: addresses are whole, and what needs action stays.

use std::net::IpAddr;

use testkit::{Behaviour, Port, Script, Target, Terminal, connect, connect_from};

use crate::support::{BINARY, Config, Console, play};

#[test]
fn no_table_cuts_an_address_at_80_columns() {
    let (console, target, v4) = (Console::new(), Target::start(Behaviour::Echo), Port::v4());
    let dead = Port::v4();
    let name = "name = 'source-of-the-other-team'";
    let config = Config::new().admin(&console.admin());
    let config = config.forward(v4.addr(), target.addr(), name);
    let _forwarder = config.forward(dead.addr(), Port::v4().addr(), "name = 'dead'").start();
    let _ = connect(&dead);
    let clients: Vec<_> = ["127.255.255.41", "127.255.255.42", "127.255.255.43"]
        .into_iter()
        .map(|address| {
            let source: IpAddr = address.parse().unwrap();
            let client = connect_from(source, v4.addr()).unwrap();
            play(&client, Script::new().write_bytes(".").read_exactly(1));
            client
        })
        .collect();
    let terminal = Terminal::open(80, 24);
    let run = |command: &str, until: &str| {
        terminal.run(&format!("clear; {BINARY} {command} --admin {}", console.admin()));
        terminal.shows(until)
    };
    let sessions = run("sessions", "3 sessions");
    for client in &clients {
        let address = client.local_addr().unwrap().as_socket().unwrap().to_string();
        assert!(sessions.contains(&address), "{address}\n{sessions}");
    }
    for head in ["CLIENT", "UP/S", "DOWN/S", "VERDICT"] {
        assert!(sessions.contains(head), "{head}\n{sessions}");
    }
    assert!(!sessions.contains("IDLE") && sessions.contains("ok"), "{sessions}");
    let idle = run("sessions --sort idle", "3 sessions");
    assert!(idle.contains("IDLE") && idle.contains("VERDICT"), "{idle}");
    let status = run("status", "dead: sessions fail to connect, 1 so far: refused");
    for part in [&v4.addr().to_string(), "REFUSED", "FAILED", "SESSIONS", "STATE"] {
        assert!(status.contains(part), "{part}\n{status}");
    }
    let targets = run("targets", "CONNECTS");
    assert!(targets.contains(&target.addr().to_string()), "{targets}");
}
