//! Filters for clients and forwards, which mean the same in every view.

use std::net::IpAddr;

use testkit::{Behaviour, Port, Script, Socket, Target, Terminal, connect_from};

use crate::support::{BINARY, Config, Console, play};

/// Two forwards, and clients at 127.0.0.4, 127.0.0.40 and 127.9.0.1 of the first.
struct Scene {
    console: Console,
    _forwarder: testkit::Forwarder,
    _target: Target,
    clients: Vec<Socket>,
}

impl Scene {
    fn start() -> Self {
        let (console, target, ports) =
            (Console::new(), Target::start(Behaviour::Echo), [Port::v4(), Port::v4()]);
        let config = Config::new().admin(&console.admin());
        let config = config.forward(ports[0].addr(), target.addr(), "name = 'web'");
        let forwarder = config.forward(ports[1].addr(), target.addr(), "name = 'webmail'").start();
        let client = |(at, address): (usize, &str)| {
            let source: IpAddr = address.parse().unwrap();
            let client = connect_from(source, ports[at].addr()).unwrap();
            play(&client, Script::new().write_bytes(".").read_exactly(1));
            client
        };
        let clients = [(0, "127.0.0.4"), (0, "127.0.0.40"), (1, "127.9.0.1")];
        let clients = clients.into_iter().map(client).collect();
        Self { console, _forwarder: forwarder, _target: target, clients }
    }

    /// The number of sessions that a filter selects.
    fn count(&self, options: &[&str]) -> u64 {
        let found = self.console.json(&[&["sessions"], options].concat());
        found["total"].as_u64().unwrap()
    }
}

#[test]
fn an_address_is_exact_and_ranges_and_beginnings_are_not() {
    let scene = Scene::start();
    for (client, count) in [
        ("127.0.0.4", 1),
        ("127.0.0.40", 1),
        ("127.0.0.", 2),
        ("127.0.0.4:", 1),
        ("127.0.0.0/24", 2),
        ("127.0.0.0/8", 3),
        ("127.9.", 1),
        ("2001:db8::/32", 0),
        ("::ffff:127.0.0.4", 1),
    ] {
        assert_eq!(scene.count(&["--client", client]), count, "{client}");
    }
    let refusal = scene.console.refused(&["sessions", "--client", "here"], 2);
    assert!(refusal.contains("the beginning of an address (10.0.)"), "{refusal}");
    // A whole name means this forward only, a part of one all that have it.
    assert_eq!(scene.count(&["--forward", "web"]), 2);
    assert_eq!(scene.count(&["--forward", "we"]), 3);
    assert_eq!(scene.count(&["--forward", "mail"]), 1);
}

#[test]
fn a_kill_takes_no_part_of_a_name_or_address() {
    let scene = Scene::start();
    let refusal = scene.console.refused(&["kill", "--client", "127.0.0."], 2);
    assert!(refusal.contains("expected an IP address or a prefix"), "{refusal}");
    let refusal = scene.console.refused(&["kill", "--forward", "mail"], 1);
    assert!(refusal.contains("did you mean `webmail`?"), "{refusal}");
    assert_eq!(scene.count(&[]), 3);
    // Without a terminal, a script is not asked.
    let killed = scene.console.done(&["kill", "--client", "127.0.0.4"]);
    assert_eq!(killed.text(), "1 session is killed\n");
    play(&scene.clients[0], Script::new().expect_reset());
    assert_eq!(scene.count(&[]), 2);
}

#[test]
fn a_kill_by_filter_shows_the_number_and_asks_on_a_terminal() {
    let scene = Scene::start();
    let terminal = Terminal::open(80, 24);
    let kill = |rest: &str| {
        terminal.run(&format!(
            "{BINARY} kill --client 127.0.0.0/24 {rest} --admin {}",
            scene.console.admin()
        ));
    };
    kill("");
    terminal.shows("2 sessions will be reset. Continue? [y/N]");
    terminal.press(["n", "Enter"]);
    terminal.shows("nothing was killed");
    assert_eq!(scene.count(&[]), 3);
    kill("");
    terminal.wait_for("the second question", |screen| screen.matches("[y/N]").count() == 2);
    terminal.press(["y", "Enter"]);
    terminal.shows("2 sessions are killed");
    assert_eq!(scene.count(&[]), 1);
    kill("--yes");
    terminal.shows("no open session matches");
}

#[test]
fn one_filter_of_top_takes_names_and_addresses() {
    let scene = Scene::start();
    let terminal = Terminal::open(80, 24);
    terminal.run(&format!("{BINARY} top --admin {}", scene.console.admin()));
    terminal.shows("FAILED");
    terminal.press(["Tab"]);
    terminal.shows("VERDICT");
    for (filter, count) in
        [("127.0.0.4", 1), ("127.0.0.", 2), ("127.0.0.0/8", 3), ("web", 2), ("we", 3)]
    {
        terminal.press(["/"]);
        terminal.shows("10.0.0.0/8");
        terminal.press(["C-u"]);
        terminal.type_text(filter);
        terminal.press(["Enter"]);
        terminal.shows(&format!("{count} with \"{filter}\""));
    }
    terminal.press(["q"]);
}
