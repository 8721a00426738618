//! `targets`, and the targets of a forward in `status`.

use std::net::TcpListener;
use testkit::{
    Behaviour, LIMIT, Peer, Port, Script, Target, Terminal, connect, connect_and_close, wait_until,
};

use super::says;
use crate::support::{BINARY, Config, Console, Operated, forwarder, ping, served_client};

#[test]
fn targets_show_their_state_and_figures() {
    let (console, dead, port) = (Console::new(), Port::v4(), Port::v4());
    let targets = [(); 2].map(|()| Target::start(Behaviour::Echo));
    let [limited, backup] = [0, 1].map(|at: usize| targets[at].addr().to_string());
    let (dead, socket) = (dead.addr().to_string(), console.path("web.sock"));
    let forward = format!(
        "[[forward]]\nname = 'web'\nlisten = ['{}', 'unix:{socket}']\nbalance = 'first'\n\
         to = ['{dead}', {{ address = '{limited}', weight = 3, max_sessions = 1 }},\n\
         {{ address = '{backup}', backup = true }}]\n",
        port.addr()
    );
    let text = Config::new().admin(&console.admin()).text() + &forward;
    let running = forwarder().config(text).start();
    running.ready();
    let client = served_client(&port);
    running.wait_for_message("a target is unreachable");
    let shown = console.done(&["targets", "web"]).text();
    let rows: Vec<Vec<_>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1][..7], ["web", &dead, "unreachable", "0", "1", "0", "1"], "{shown}");
    assert_eq!(rows[2][..7], ["web", &limited, "up", "1/1", "3", "1", "0"], "{shown}");
    assert_eq!(rows[3][..7], ["web", &backup, "up", "0", "1", "backup", "0"], "{shown}");
    let json = console.json(&["targets"]);
    let listen = json[0]["targets"][1]["listen"].as_array().map(Vec::len);
    assert_eq!(listen, Some(2), "both listeners share the target: {json}");
    says(&console.done(&["status"]), &[&format!("{dead} +2  2/3 up")]);
    says(
        &console.done(&["status", "web"]),
        &[&format!("{limited}: up; weight 3, 1 of at most 1 session, 1 connect, 0 failed")],
    );
    assert!(console.refused(&["targets", "wed"], 1).contains("did you mean `web`?"));
    ping(&client);
}

/// A single target without checks is always in use.
#[test]
fn a_target_is_unreachable_until_a_connect_succeeds() {
    let (ports, dead) = ([Port::v4(), Port::v4()], Port::v4());
    let config = |timeout: &str| {
        let settings = format!("name = 'db'\nconnect_timeout = '{timeout}'");
        Config::new().forward(ports[0].addr(), dead.addr(), settings).forward(
            ports[1].addr(),
            dead.addr(),
            "name = 'checked'\ncheck = 'connect'",
        )
    };
    let operated = Operated::start(config("2s"));
    let target = || operated.http.json("/v1/forwards/db")["targets"][0].clone();
    wait_until("the probe", LIMIT, || target()["state"] == "unreachable");
    let probed = target();
    assert_eq!(probed["why"], "connection refused");
    let checked = || operated.http.json("/v1/forwards/checked")["targets"][0]["state"].clone();
    wait_until("the checks", LIMIT, || checked() == "down");
    let forward = operated.http.json("/v1/forwards/db");
    let text = format!("its only target is unreachable: {}, connection refused", dead.addr());
    assert_eq!(forward["attention"][0]["condition"], "target_unreachable", "{forward}");
    assert_eq!(forward["attention"][0]["text"], text);
    operated.upgrade();
    assert_eq!(target()["since"], probed["since"], "after an upgrade");
    // A session that fails changes nothing, and a reload neither.
    connect_and_close(&ports[0]);
    operated.wait_for_records(1);
    operated.reload(config("3s"));
    assert_eq!([&target()["state"], &target()["since"]], [&probed["state"], &probed["since"]]);
    let _target = TcpListener::bind(dead.addr()).unwrap();
    let _client = connect(&ports[0]).unwrap();
    wait_until("a connect", LIMIT, || target()["state"] == "up");
    let attention = &operated.http.json("/v1/forwards/db")["attention"];
    assert!(attention.as_array().unwrap().iter().all(|it| it["condition"] != "target_unreachable"));
}

#[test]
fn a_narrow_terminal_shows_whole_addresses_and_why_a_target_is_down() {
    let (console, dead, port) = (Console::new(), Port::v4(), Port::v4());
    let echo = Target::start(Behaviour::Echo);
    let forward = "name = 'web'\nbalance = 'first'\n\
                   passive = { failures = 1, down = '1h', down_max = '1h' }";
    let to = [testkit::Addr::from(&dead), testkit::Addr::from(&echo)];
    let config = Config::new().admin(&console.admin());
    let running =
        forwarder().config(config.forward_to_several(port.addr(), &to, forward).text()).start();
    running.ready();
    served_client(&port);
    let (dead, echo) = (dead.addr().to_string(), echo.addr().to_string());
    let terminal = Terminal::open(80, 24);
    let shown = |command: &str| {
        terminal
            .run(&format!("{BINARY} {command} --admin {}; echo {command}-end", console.admin()));
        let screen = terminal.shows(&format!("\n{command}-end\n"));
        // The terminal wraps the lines below the table.
        screen.replace('\n', "").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let targets = shown("targets");
    for part in [format!("web {dead} down "), format!("web {echo} up ")] {
        assert!(targets.contains(&part), "{part}:\n{targets}");
    }
    assert!(targets.contains(&format!("{dead} is down since 2")), "{targets}");
    let why = "1 failed connect: connection refused; a client tries it in ";
    assert!(targets.contains(why), "{targets}");
    let status = console.done(&["status"]).text();
    assert!(status.contains(&format!("web: 1 of 2 targets is down: {dead}, 1 failed")), "{status}");
    let status = shown("status");
    assert!(status.contains("TARGETS SESSIONS REFUSED FAILED"), "{status}");
    assert!(status.contains(" 1/2 up 0/1000 0 0"), "{status}");
}

#[test]
fn a_drained_target_takes_no_new_session_until_it_is_resumed() {
    let (console, port) = (Console::new(), Port::v4());
    let [one, other] = [(); 2].map(|()| Target::start(Behaviour::Echo));
    let to = [&one, &other].map(testkit::Addr::from);
    let config = |to: &[testkit::Addr]| {
        let forward = "name = 'web'\nbalance = 'first'\nnone_up = 'try'";
        Config::new().admin(&console.admin()).forward_to_several(port.addr(), to, forward)
    };
    let running = forwarder().config(config(&to).text()).start();
    running.ready();
    let address = one.addr().to_string();
    let client = served_client(&port);
    let drain = |target: &str| console.done(&["drain", "web", "--target", target]).text();
    let shown = || console.json(&["targets", "web"])[0]["targets"][0].clone();
    let state = || shown()["state"].clone();
    assert_eq!(drain(&address), format!("{address} is drained (1 open session)\n"));
    assert_eq!(drain(&address), format!("{address} is drained already (1 open session)\n"));
    says(
        &console.done(&["resume", "web"]),
        &["; 1 of its targets is drained: resume web --target"],
    );
    assert_eq!(state(), "drained");
    let since = shown()["since"].clone();
    assert!(since.is_string(), "{since}");
    served_client(&port);
    assert_eq!((one.accepted(), other.accepted()), (1, 1));
    ping(&client);

    // Neither a reload without the target nor an upgrade puts it back into service.
    for to in [&to[1..], &to[..]] {
        running.write_config(&config(to).text());
        console.done(&["reload"]);
    }
    console.done(&["upgrade"]);
    assert_eq!((state(), &shown()["since"]), ("drained".into(), &since));
    served_client(&port);
    assert_eq!(one.accepted(), 1);
    let warning = console.done(&["drain", "web", "--target", &other.addr().to_string()]).stderr;
    assert_eq!(warning, "warning: no other target of web takes sessions: clients are reset\n");
    Peer::connect("client", &port, Script::new().expect_reset()).finish();
    let record = running.wait_for_records(3).pop().unwrap();
    assert_eq!(record.close_reason(), "target/connect/no_target", "{}", record.json);
    assert!(record.json.get("target").is_none(), "{}", record.json);
    let resumed = console.done(&["resume", "web", "--target", &address]).text();
    assert_eq!(resumed, format!("{address} takes sessions again\n"));
    served_client(&port);
    assert_eq!(one.accepted(), 2);
    ping(&client);
}

#[test]
fn a_forward_whose_targets_are_all_drained_needs_attention() {
    let (console, port) = (Console::new(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let config =
        Config::new().admin(&console.admin()).forward(port.addr(), target.addr(), "name = 'web'");
    let running = forwarder().config(config.text()).start();
    running.ready();
    let (address, listen) = (target.addr().to_string(), port.addr());
    console.done(&["drain", "web", "--target", &address]);
    let why = format!("all targets of {listen} are drained: its clients are refused");
    says(&console.done(&["status"]), &[&format!("web: {why}\n")]);
    says(&console.done(&["status", "web"]), &[&why]);
    console.done(&["resume", "web", "--target", &address]);
    assert!(!console.done(&["status"]).text().contains("drained"));
    let refused = console.refused(&["drain", "web", "--target", "10.9.9.9:1"], 1);
    let message = "the forward `web` has no target `10.9.9.9:1`: `targets` lists those it has";
    assert!(refused.contains(message) && !refused.contains("there is"), "{refused}");
    assert!(console.refused(&["drain", "wed", "--target", &address], 1).contains("did you mean"));
}
