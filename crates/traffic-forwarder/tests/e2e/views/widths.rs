//! Views on a terminal of 80 columns: no line is wider, addresses are whole, and what needs action stays.

use std::net::IpAddr;

use testkit::{
    Behaviour, LIMIT, Port, Script, Target, Terminal, connect, connect_from, wait_until,
};

use crate::support::{BINARY, Config, Console, forwarder, play, served_client};

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
    let status = run("status", "dead: sessions fail to connect, 1 so far: connection refused");
    for part in [&v4.addr().to_string(), "REFUSED", "FAILED", "SESSIONS", "STATE"] {
        assert!(status.contains(part), "{part}\n{status}");
    }
    let targets = run("targets", "CONNECTS");
    assert!(targets.contains(&target.addr().to_string()), "{targets}");
}

/// The terminal reports its columns, but no lines.
#[test]
fn an_error_is_broken_below_its_text_and_never_as_json() {
    let terminal = Terminal::open(200, 40);
    let wrong = format!("{BINARY} status --admin unix:/no/such/socket");
    terminal.run(&format!("clear; stty cols 60 rows 0; {wrong}; echo 'end of '\"the error\""));
    let text = terminal.shows("end of the error");
    let help: Vec<_> = text.lines().skip_while(|line| !line.contains("help:")).collect();
    let help: Vec<_> = help.into_iter().take_while(|line| !line.starts_with("end of")).collect();
    assert!(help.len() > 2, "{text}");
    for line in &help[1..] {
        assert!(line.starts_with("        ") && !line.starts_with("         "), "{text}");
    }
    terminal.run(&format!("clear; {wrong} --json; echo 'end of '\"the JSON\""));
    terminal.shows("end of the JSON");
    let text = terminal.written_lines();
    let json = text.lines().find(|line| line.starts_with('{')).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_str(json).expect(&text);
    assert_eq!(value["error"]["code"], "no_process", "{text}");
}

/// The widest line of a terminal of these tests.
const WIDTH: u16 = 80;

/// Runs commands on a terminal that is high enough for each of them.
struct Views {
    terminal: Terminal,
    failures: Vec<String>,
}

impl Views {
    fn new() -> Self {
        let terminal = Terminal::open(WIDTH, 300);
        terminal.run("export NO_COLOR=1");
        Self { terminal, failures: Vec::new() }
    }

    /// Notes lines of the command's output that are wider than the terminal.
    fn look(&mut self, command: &str) -> String {
        // The words of the end are not in the typed command.
        self.terminal.run(&format!("clear; {BINARY} {command}; echo 'end of '\"the view\""));
        self.terminal.shows("end of the view");
        let shown = self.terminal.written_lines();
        // The command itself may be wider.
        let output = shown.lines().skip_while(|line| line.contains("; echo ")).collect::<Vec<_>>();
        let wide = output.iter().filter(|line| line.trim_end().chars().count() > WIDTH.into());
        self.failures.extend(wide.map(|line| format!("{command}: {line}")));
        output.join("\n")
    }
}

/// Looks at the views of a process, and at errors.
fn look_at_all(views: &mut Views, admin: &str, name: &str) {
    let status = views.look(&format!("status {name} {admin}"));
    assert!(status.contains("[2001:db8:1234:5678:9abc:def0:1234:5678]:5432"), "{status}");
    for view in [
        "status",
        "status datebase-of-the-other-team",
        "targets",
        "clients",
        "sessions",
        "sessions 1",
        "sessions --ended",
        "sessions 2",
        "sessions 99",
        "plan",
        "reload",
        "drain database-of-the-other-team",
        "resume database-of-the-other-team",
        "confirm",
        "upgrade --binary /no/such/file/of/a/program/with/a/long/name/that/does/not/exist",
    ] {
        views.look(&format!("{view} {admin}"));
    }
    for wrong in [
        "status --admin unix:/no/such/socket",
        "check no-such-file.toml",
        "check /",
        "check 127.0.0.1:8080=18080",
        "check --no-such-option-of-this-program",
        "sessions --client nowhere",
        "stop",
        "kill",
        "run -",
    ] {
        views.look(wrong);
    }
}

/// Long names and addresses, targets that are down, and refused clients, in every view.
#[test]
fn no_view_is_wider_than_80_columns() {
    let (console, echo, port) = (Console::new(), Target::start(Behaviour::Echo), Port::v4());
    let (long, dead) = ([Port::v4(), Port::v6(), Port::v4(), Port::v4()], Port::v6());
    let listen: Vec<_> = long.iter().map(|port| port.addr().to_string()).collect();
    let name = "database-of-the-other-team";
    let file = console.file(
        "the-configuration-of-the-other-team.toml",
        &format!(
            "[log]\nformat = 'json'\n[process]\nadmin = '{}'\n[[forward]]\nname = '{name}'\nlisten = {listen:?}\n\
             to = ['database-primary.payments.internal.example.invalid:5432', \
             '[2001:db8:1234:5678:9abc:def0:1234:5678]:5432', '{}', '{}']\n\
             check = {{ connect = true, every = '1s', timeout = '500ms', fall = 1 }}\n\
             [[forward]]\nname = 'b'\nlisten = '{}'\nto = '{}'\nmax_sessions = 1\n\
             [[forward]]\nname = 'dead-end-of-the-other-team'\nlisten = '{}'\nto = '{}'\n",
            console.admin(),
            Port::v4().addr(),
            Port::v6().addr(),
            port.addr(),
            echo.addr(),
            dead.addr(),
            Port::v6().addr(),
        ),
    );
    let running = forwarder().args(["-c", &file]).start();
    running.ready();
    let _client = served_client(&port);
    for port in [&port, &dead] {
        let _ = connect(port);
    }
    let down = || {
        let json = console.json(&["targets", name]);
        let targets = json[0]["targets"].as_array().cloned().unwrap_or_default();
        targets.iter().filter(|target| target["state"] == "down").count()
    };
    wait_until("targets that are down", LIMIT, || down() >= 3);
    let mut views = Views::new();
    look_at_all(&mut views, &format!("--admin {}", console.admin()), name);
    views.look(&format!("doctor -c {file}"));
    assert_eq!(views.failures, Vec::<String>::new());
}

#[test]
fn no_page_of_help_is_wider_than_80_columns() {
    let help = forwarder().arg("--help").run().success().text();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    // A description may go on in the next line.
    let commands = commands.filter(|line| !line.starts_with("   "));
    let commands: Vec<_> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() > 15, "{commands:?}");
    let mut views = Views::new();
    views.look("--help");
    for command in commands {
        views.look(&format!("{command} --help"));
    }
    assert_eq!(views.failures, Vec::<String>::new());
}

/// Scripts search the lines.
#[test]
fn lines_are_not_broken_outside_of_a_terminal() {
    let (console, port, target) = (Console::new(), Port::v4(), Port::v4());
    let config = Config::new().admin(&console.admin());
    let name = format!("name = '{}'", "forward-".repeat(9));
    let _forwarder = config.forward(port.addr(), target.addr(), name).start();
    let _ = connect(&port);
    let line = "forward-: sessions fail to connect, 1 so far: connection refused";
    wait_until("a failed session", LIMIT, || {
        console.done(&["status"]).text().lines().any(|it| it.len() > 80 && it.ends_with(line))
    });
}
