//! `sessions --ended`, and `sessions ID` of a session that has ended.

use std::net::IpAddr;

use serde_json::Value;
use testkit::{Behaviour, Port, Script, Socket, Target, Terminal, connect, connect_from};

use super::{end, wait_for_ended};
use crate::support::{BINARY, Config, Operated, forwarder, ping, play, served_client};

/// Two forwards with ended sessions 1 to 3 of clients at 127.255.255.41 and 127.0.0.1, one of them killed,
/// session 4, which found no target, and session 5, which is open.
struct Scene {
    operated: Operated,
    client: String,
    target: Target,
    _open: Socket,
}

impl Scene {
    fn start() -> Self {
        let (target, ports) = (Target::start(Behaviour::Echo), [Port::v4(), Port::v4()]);
        let config = Config::new().log("format = 'json'\nsessions = false").process("workers = 1");
        let config = config.forward(ports[0].addr(), target.addr(), "name = 'source-of-the-team'");
        let dead = Port::v4();
        let operated =
            Operated::start(config.forward(ports[1].addr(), dead.addr(), "name = 'dead'"));
        let source: IpAddr = "127.255.255.41".parse().unwrap();
        let first = connect_from(source, ports[0].addr()).unwrap();
        ping(&first);
        end(&first);
        wait_for_ended(&operated, 1);
        end(&served_client(&ports[0]));
        wait_for_ended(&operated, 2);
        let killed = served_client(&ports[0]);
        operated.http.delete("/v1/sessions/3").success();
        play(&killed, Script::new().expect_reset());
        wait_for_ended(&operated, 3);
        let _ = connect(&ports[1]);
        wait_for_ended(&operated, 4);
        let client = first.local_addr().unwrap().as_socket().unwrap().to_string();
        let open = served_client(&ports[0]);
        Self { operated, client, target, _open: open }
    }

    /// The address of the first client.
    fn client(&self) -> Value {
        self.client.clone().into()
    }

    fn ask(&self, arguments: &[&str]) -> testkit::Finished {
        let admin = self.operated.socket().to_string();
        forwarder().args(arguments).arg("--admin").arg(admin).run()
    }

    #[track_caller]
    fn text(&self, arguments: &[&str]) -> String {
        self.ask(arguments).success().text()
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.text(&[arguments, &["--json"]].concat())).unwrap()
    }
}

#[test]
fn ended_sessions_are_listed_with_their_reasons() {
    let scene = Scene::start();
    let listed = scene.text(&["sessions", "--ended"]);
    let first_words = |text: &str| {
        let rows = text.lines().skip(1).take_while(|line| !line.is_empty());
        rows.map(|row| row.split_whitespace().next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(first_words(&listed), ["4", "3", "2", "1"], "{listed}");
    for (id, reason) in
        [("4", "target/connect/refused"), ("3", "operator/relay/killed"), ("1", "client/relay/fin")]
    {
        let row = listed.lines().find(|line| line.trim_start().starts_with(id)).unwrap();
        assert!(row.contains(reason), "{listed}");
    }
    assert!(listed.contains("ECONNREFUSED"), "{listed}");
    assert!(listed.contains("\n4 ended sessions; all since 2"), "{listed}");
    let one = scene.text(&["sessions", "--ended", "--client", "127.255.0.0/16"]);
    assert_eq!(first_words(&one), ["1"], "{one}");
    assert!(one.contains(&scene.client) && one.contains("1 ended session;"), "{one}");
    let some = scene.text(&["sessions", "--ended", "--forward", "source", "--limit", "2"]);
    assert_eq!(first_words(&some), ["3", "2"], "{some}");
    assert!(some.contains("2 of 3 ended sessions; --limit shows more; all since"), "{some}");
    let none = scene.text(&["sessions", "--ended", "--client", "10.0.0.0/8"]);
    assert!(none.starts_with("no such session has ended since 2"), "{none}");
    let json = scene.json(&["sessions", "--ended", "--target", &scene.target.addr().to_string()]);
    assert_eq!((&json["total"], &json["sessions"][2]["client"]), (&3.into(), &scene.client()));
}

#[test]
fn the_number_of_an_ended_session_shows_its_record() {
    let scene = Scene::start();
    let failed = scene.text(&["sessions", "4"]);
    for part in [
        "session     4, ended 2",
        "closed      target/connect/refused (ECONNREFUSED): The target refused the connection.",
        ", 1 attempt",
        "not connected",
        "up          0 B\n",
    ] {
        assert!(failed.contains(part), "{part}\n{failed}");
    }
    let killed = scene.text(&["sessions", "3"]);
    assert!(killed.contains("operator/relay/killed: An operator ended this session."), "{killed}");
    assert!(killed.contains("first byte after") && killed.contains("1 B by copy"), "{killed}");
    let json = scene.json(&["sessions", "1"]);
    assert_eq!((&json["client"], &json["close"]["by"]), (&scene.client(), &"client".into()));
    assert!(json["ended"].is_string(), "{json}");
    let open = scene.json(&["sessions", "5"]);
    assert!(open["ended"].is_null() && open["phase"] == "relay", "{open}");
    let unknown = scene.ask(&["sessions", "77"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown}");
    let expected = "there is no session 77, and none that has ended since 2";
    assert!(unknown.stderr.contains(expected), "{unknown}");
    let late = scene.ask(&["kill", "3"]);
    assert_eq!(late.status.code(), Some(1), "{late}");
    assert!(late.stderr.contains("session 3 has ended: operator/relay/killed"), "{late}");
}

#[test]
fn contradictions_are_refused() {
    let scene = Scene::start();
    for arguments in [&["sessions", "--ended", "--sort", "rate"][..], &["sessions", "1", "--ended"]]
    {
        let refused = scene.ask(arguments);
        assert_eq!(refused.status.code(), Some(2), "{refused}");
        let why = refused.stderr.lines().next().unwrap();
        assert!(why.contains("'--ended'") && why.contains("cannot be used with"), "{refused}");
    }
    let refused = scene.ask(&["sessions", "--ended", "--forward", "sauce-of-the-team"]);
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains("did you mean `source-of-the-team`?"), "{refused}");
    let refused = scene.ask(&["sessions", "--ended", "--limit", "20000"]);
    assert_eq!(refused.status.code(), Some(2), "{refused}");
}

#[test]
fn eighty_columns_show_addresses_and_reasons() {
    let scene = Scene::start();
    let terminal = Terminal::open(80, 24);
    let admin = scene.operated.socket();
    terminal.run(&format!("clear; {BINARY} sessions --ended --admin {admin}"));
    let screen = terminal.shows("4 ended sessions");
    let target = scene.target.addr().to_string();
    for part in [&*scene.client, &target, "target/connect/refused", "operator/relay/killed", "AGO"]
    {
        assert!(screen.contains(part), "{part}\n{screen}");
    }
    assert!(!screen.contains("ERRNO") && !screen.contains("VERDICT"), "{screen}");
    terminal.run(&format!("clear; {BINARY} sessions --ended --watch 1s --admin {admin}"));
    terminal.shows("4 ended sessions");
    terminal.press(["C-c"]);
    // The narrowest terminal keeps the address and the reason.
    let terminal = Terminal::open(48, 24);
    terminal.run(&format!("clear; {BINARY} sessions --ended --admin {admin}"));
    let screen = terminal.shows("4 ended sessions");
    for part in [&*scene.client, "target/connect/refused"] {
        assert!(screen.contains(part), "{part}\n{screen}");
    }
    assert!(!screen.contains("TARGET"), "{screen}");
}
