//! The commands that query and control a running process: their output, effect, and exit codes.

mod files;
mod programs;
mod targets;
mod thief;

use serde_json::Value;
use testkit::{
    Behaviour, Finished, Forwarder, LIMIT, Listener, Place, Port, Script, Signal, Target, Tool,
    connect, run, wait_until,
};

use crate::support::{
    BINARY, Config, Console, Forward, Session, forwarder, ping, play, served_client,
};

#[track_caller]
fn says(finished: &Finished, words: &[&str]) {
    for word in words {
        assert!(finished.text().contains(word), "`{word}` is missing: {finished}");
    }
}

/// The words of the line that contains `word`.
#[track_caller]
fn line_with<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines.find(|words| words.contains(&word)).unwrap_or_else(|| panic!("no `{word}`:\n{text}"))
}

/// One session of a forward `web`, in a process with an admin socket.
fn session(console: &Console) -> Session {
    Session::open_with(Config::new().admin(&console.admin()), "name = 'web'")
}

#[test]
fn status_shows_the_process_and_its_forwards() {
    let console = Console::new();
    let session = session(&console);
    let (pid, listen) = (session.forward.pid().to_string(), session.forward.addr().to_string());
    let shown = console.done(&["status"]);
    says(&shown, &["serving", &format!("pid {pid}"), "generation 1", "1, with 1 listener"]);
    let (text, target) = (shown.text(), session.target.local_addr().unwrap());
    let target = target.as_socket().unwrap().to_string();
    let row = line_with(&text, "web");
    let expected =
        ["web", "active", &listen, &target, "1/1000", "0", "0", "0", "1", "1", "B", "1", "B"];
    assert_eq!(row, expected);
    let one = console.done(&["status", "web"]);
    says(
        &one,
        &[&format!("{listen} -> {target}"), "more settings, which `status NAME --json` lists"],
    );
    let json = console.json(&["status"]);
    assert_eq!(json["status"]["sessions"], 1);
    assert_eq!(json["forwards"][0]["name"], "web");
    assert_eq!(console.json(&["status", "web"])["sessions"], 1);
    assert_eq!(console.refused(&["status", "wbe"], 1).matches("`wbe`").count(), 1);
}

#[test]
fn a_draining_process_does_not_show_its_uptime_as_the_time_of_draining() {
    let console = Console::new();
    let session = session(&console);
    session.forward.signal(Signal::TERM);
    session.forward.wait_for_message("draining");
    says(&console.done(&["status"]), &["draining, up "]);
}

/// The target refuses every client.
#[test]
fn status_counts_failed_sessions() {
    let (console, closed) = (Console::new(), Port::v4());
    let config = Config::new().admin(&console.admin());
    let forward = Forward::start_with(config, closed.addr(), "name = 'db'");
    // The connection may be reset before connect(2) returns.
    let _ = connect(&forward);
    forward.wait_for_records(1);
    let shown = console.done(&["status"]);
    says(&shown, &["0 clients refused, 1 session failed"]);
    let text = shown.text();
    let column = line_with(&text, "FORWARD").iter().position(|word| *word == "FAILED");
    assert_eq!(line_with(&text, "db")[column.unwrap()], "1", "{text}");
    says(
        &console.done(&["status", "db"]),
        &["1 since the start", "0 clients refused, 1 session failed"],
    );
}

#[test]
fn an_unknown_name_lists_similar_ones() {
    let (console, port, target) =
        (Console::new(), Port::every_address(), Listener::bind(Place::V4));
    let config = Config::new().admin(&console.admin());
    let _forwarder = config.forward(format!(":{port}"), target.addr(), "").start();
    let port = port.to_string();
    let listed = console.done(&["sessions", "--forward", &port]);
    says(&listed, &["no open session matches"]);
    says(&console.done(&["sessions"]), &["no open sessions"]);
    let kill = ["kill", "--forward", &port];
    for command in [&["drain", &port][..], &["resume", &port], &["status", &port], &kill] {
        let refusal = console.refused(command, 1);
        assert!(refusal.contains(&format!("did you mean `:{port}`?")), "{refusal}");
    }
    for command in [&["drain", "other"][..], &["sessions", "--forward", "other"]] {
        assert!(console.refused(command, 1).contains(&format!("there is `:{port}`")));
    }
}

#[test]
fn sessions_are_listed_sorted_and_counted() {
    let (console, target) = (Console::new(), Target::start(Behaviour::Echo));
    let config = Config::new().admin(&console.admin());
    let forward = Forward::start_with(config, target.addr(), "name = 'web'");
    let [_first, busy, _last] = [(); 3].map(|()| served_client(&forward));
    play(&busy, Script::new().write_bytes([0; 4999]).read_exactly(4999));
    let shown = console.done(&["sessions", "--sort", "bytes", "--limit", "2"]);
    says(&shown, &["2 of 3 sessions"]);
    let (text, client) = (shown.text(), busy.local_addr().unwrap().as_socket().unwrap());
    let rows: Vec<Vec<_>> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(rows[1][..3], ["2", "web", &client.to_string()], "{text}");
    assert_eq!(rows[2][..2], ["1", "web"], "of equal ones the lower number comes first: {text}");
    assert!(rows[1].contains(&"4.9") && rows[1].contains(&"KiB"), "{text}");
    for filter in ["--client=192.0.2.1", "--target=192.0.2.1:1"] {
        let none = console.done(&["sessions", filter]);
        assert_eq!(none.text(), "no open session matches\n");
    }
    says(&console.done(&["sessions", "--forward", "web"]), &["3 sessions"]);
    let details = [&*client.to_string(), "2, relay", "4.9 KiB by copy", "rtt "];
    says(&console.done(&["sessions", "2"]), &details);
    assert_eq!(console.json(&["sessions", "2"])["up"]["bytes"], 5000);
}

#[test]
fn a_killed_session_is_reset_and_removed() {
    let console = Console::new();
    let session = session(&console);
    says(&console.done(&["kill", "1"]), &["session 1 is killed"]);
    play(&session.client, Script::new().expect_reset());
    play(&session.target, Script::new().expect_reset());
    assert_eq!(session.forward.close_reason(), "operator/relay/killed");
    let again = console.refused(&["kill", "1"], 1);
    assert!(again.contains("session 1 has ended: operator/relay/killed"), "{again}");
}

#[test]
fn sessions_are_killed_by_client_forward_and_target() {
    let (console, target) = (Console::new(), Target::start(Behaviour::Echo));
    let config = Config::new().admin(&console.admin());
    let forward = Forward::start_with(config, target.addr(), "name = 'web'");
    let clients = [(); 2].map(|()| served_client(&forward));
    let address = target.addr().to_string();
    says(&console.done(&["sessions", "--target", &address]), &["2 sessions"]);
    let none = ["kill", "--target", &address, "--client", "192.0.2.0/24"];
    says(&console.done(&none), &["no open session matches"]);
    assert!(console.refused(&["kill", "--forward", "wed"], 1).contains("did you mean `web`?"));
    says(&console.done(&["kill", "--forward", "web"]), &["2 sessions are killed"]);
    for client in &clients {
        play(client, Script::new().expect_reset());
    }
    let client = served_client(&forward);
    says(&console.done(&["kill", "--target", &address]), &["1 session is killed"]);
    play(&client, Script::new().expect_reset());
}

/// A name is a path segment: no byte of it may change the path.
#[test]
fn a_drained_forward_accepts_no_client_until_resumed() {
    let (console, target, name) =
        (Console::new(), Target::start(Behaviour::Echo), "a/../b?c=%64#é");
    let config = Config::new().admin(&console.admin());
    let forward = Forward::start_with(config, target.addr(), format!("name = '{name}'"));
    let client = served_client(&forward);
    says(&console.done(&["drain", name]), &[&format!("{name} is draining\n")]);
    says(&console.done(&["drain", name]), &["is draining already"]);
    assert!(line_with(&console.done(&["status"]).text(), name).contains(&"draining"));
    wait_until("the listener to close", LIMIT, || connect(&forward).is_err());
    ping(&client);
    says(&console.done(&["resume", name]), &[&format!("{name} is active\n")]);
    served_client(&forward);
}

/// A configuration to be changed.
struct Fixture {
    console: Console,
    /// Its queue takes every connection.
    target: Listener,
    /// Port of the unchanged forward.
    stays: Port,
}

impl Fixture {
    fn new() -> Self {
        Self { console: Console::new(), target: Listener::bind(Place::V4), stays: Port::v4() }
    }

    /// The unchanged forward, and others.
    fn config(&self, others: &[String]) -> String {
        let stays = self.forward("stays", &self.stays, "");
        format!("{}{stays}{}", Config::new().admin(&self.console.admin()).text(), others.concat())
    }

    fn forward(&self, name: &str, port: &Port, settings: &str) -> String {
        let (listen, to) = (port.addr(), self.target.addr());
        format!("[[forward]]\nname = '{name}'\nlisten = '{listen}'\nto = '{to}'\n{settings}\n")
    }
}

fn started(text: String) -> Forwarder {
    let forwarder = forwarder().config(text).start();
    forwarder.ready();
    forwarder
}

#[test]
fn plan_and_reload_agree_and_only_reload_acts() {
    let (fixture, [old, db, new]) = (Fixture::new(), [(); 3].map(|()| Port::v4()));
    let console = &fixture.console;
    let before = [fixture.forward("old", &old, ""), fixture.forward("db", &db, "")];
    let running = started(fixture.config(&before));
    let db = fixture.forward("db", &db, "idle_timeout = '2h'");
    let after = fixture.config(&[db, fixture.forward("new", &new, "")]);
    let compared = console.done(&["plan", "-c", &console.file("other.toml", &after)]).text();
    assert!(console.done(&["plan"]).text().contains("a reload would change nothing"));
    running.write_config(&after);
    let planned = console.done(&["plan"]).text();
    let without_file = |text: &str| {
        text.lines().filter(|line| !line.starts_with("file: ")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(without_file(&planned), without_file(&compared));
    assert_eq!(planned, console.done(&["reload", "--dry-run"]).text());
    assert_eq!(console.json(&["plan"])["changed"][0]["name"], "db");
    assert!(connect(&new).is_err(), "nothing was changed");
    let done = console.done(&["reload"]).text();
    assert!(done.starts_with("reloaded: generation 2\n"), "{done}");
    assert!(done.lines().skip(1).eq(planned.lines().skip(1)), "{done}{planned}");
    for change in ["~ db", "+ new", "- old", "1 forward unchanged"] {
        assert!(done.lines().any(|line| line.starts_with(change)), "{change}: {done}");
    }
    let key = "idle_timeout: \"1h\" -> \"2h\" (applies to all sessions; 0 open)";
    assert!(done.contains(key), "{done}");
    connect(&new).unwrap();
}

#[test]
fn a_failed_reload_explains_itself_and_changes_nothing() {
    let (fixture, new) = (Fixture::new(), Port::v4());
    let running = started(fixture.config(&[]));
    running.write_config(&fixture.config(&[fixture.forward("new", &new, "idle_timout = '1s'")]));
    for command in ["reload", "plan"] {
        let refusal = fixture.console.refused(&[command], 2);
        assert!(refusal.contains("did you mean `idle_timeout`?"), "{refusal}");
        assert!(refusal.ends_with("nothing was changed\n"), "{refusal}");
    }
    let holder = Listener::bind(Place::V4);
    let taken = holder.addr();
    let other = format!("[[forward]]\nlisten = '{taken}'\nto = '192.0.2.1:9'\n");
    running.write_config(&fixture.config(&[fixture.forward("new", &new, ""), other]));
    let refusal = fixture.console.refused(&["reload"], 1);
    assert!(
        refusal.contains(&taken.to_string()) && refusal.ends_with("nothing was changed\n"),
        "{refusal}"
    );
    assert!(connect(&new).is_err());
    connect(&fixture.stays).unwrap();
}

#[test]
fn a_confirmed_trial_becomes_permanent() {
    let (fixture, new) = (Fixture::new(), Port::v4());
    let running = started(fixture.config(&[]));
    let console = &fixture.console;
    running.write_config(&fixture.config(&[fixture.forward("new", &new, "")]));
    says(&console.done(&["reload", "--confirm", "1h"]), &["reverts in 1h00m unless you run"]);
    says(&console.done(&["status"]), &["on trial", "by admin: done"]);
    says(&console.done(&["confirm"]), &["is kept"]);
    assert!(!console.done(&["status"]).text().contains("on trial"));
    assert!(console.refused(&["confirm"], 1).contains("nothing is on trial"));
    connect(&new).unwrap();
}

/// Pasted unchanged, it reaches the reloaded process, whichever option located it.
#[test]
fn the_printed_confirm_command_can_be_pasted() {
    let fixture = Fixture::new();
    let (running, admin) = (started(fixture.config(&[])), fixture.console.admin());
    let found_by_file = fixture.console.path("my forwards.toml");
    std::os::unix::fs::symlink(running.config_path(), &found_by_file).unwrap();
    for options in [["-c", &found_by_file], ["--admin", &admin]] {
        let ask = |words: &[&str]| forwarder().args(words).args(options).run();
        let done = ask(&["reload", "--confirm", "1h"]).success().text();
        let (_, command) =
            done.split_once("is on trial and reverts in 1h00m unless you run `").unwrap();
        let (command, _) = command.split_once('`').unwrap();
        says(&ask(&["status"]).success(), &[&format!("unless you run `{command}`")]);
        let planned = ask(&["reload", "--dry-run"]).success();
        says(&planned, &[&format!("unless you run `{command}`; until then only `reload --")]);
        let refused = ask(&["reload"]).stderr;
        assert!(refused.contains(&format!("`{command}` first")), "{refused}");
        let pasted = command.replacen("traffic-forwarder", BINARY, 1);
        let mut shell = Tool::find("sh").command();
        let answer = run(shell.args(["-c", &pasted]), LIMIT).success();
        says(&answer, &["confirmed"]);
    }
    drop(running);
}

/// Waits for a line of standard output that contains `what`.
fn wait_for_output(watch: &Forwarder, what: &str) {
    wait_until(what, LIMIT, || watch.stdout().iter().any(|line| line.contains(what)));
}

#[test]
fn a_watch_survives_reloads_and_restarts_until_interrupted() {
    let fixture = Fixture::new();
    let (console, text) = (&fixture.console, fixture.config(&[]));
    let running = started(text.clone());
    let arguments = ["--watch", "0.1", "--admin", &console.admin()];
    let watches =
        ["status", "sessions"].map(|command| forwarder().arg(command).args(arguments).start());
    wait_for_output(&watches[0], "generation 1");
    wait_for_output(&watches[1], "no open sessions");
    console.done(&["reload"]);
    for watch in &watches {
        wait_for_output(watch, "reloaded (generation 1 -> 2)");
    }
    drop(running);
    for watch in &watches {
        wait_for_output(watch, "does not answer; waiting");
    }
    let again = started(text);
    let pid = format!("-> {})", again.pid());
    for watch in watches {
        wait_for_output(&watch, "was restarted");
        wait_for_output(&watch, &pid);
        watch.signal(Signal::INT);
        assert_eq!(watch.wait_exit(LIMIT).code(), Some(0));
    }
}

#[test]
fn a_port_requires_its_token() {
    let (console, port) = (Console::new(), Port::v4());
    let admin = port.addr().to_string();
    let (token, wrong) = (
        console.file("token", "the-one-that-opens-the-door\n"),
        console.file("wrong", "another-one-that-does-not"),
    );
    let config = Config::new().admin(&admin).process(&format!("admin_token_file = '{token}'"));
    let _forward = Forward::start_with(config, Port::v4().addr(), "name = 'web'");
    let ask = |file: &str| {
        let arguments = ["sessions", "--json", "--admin", &admin, "--token-file", file];
        forwarder().args(arguments).run()
    };
    let listed: Value = serde_json::from_slice(&ask(&token).success().stdout).unwrap();
    assert_eq!(listed["total"], 0);
    for (file, code, says) in
        [(wrong.as_str(), 1, "rejects the token"), ("/no/such/file", 2, "no such file")]
    {
        let refused = ask(file);
        assert_eq!(refused.status.code(), Some(code), "{refused}");
        assert!(refused.stderr.contains(says), "{refused}");
    }
    let without = forwarder().args(["status", "--admin", &admin]).run();
    assert_eq!(without.status.code(), Some(2), "{without}");
    assert!(without.stderr.contains("--token-file"), "{without}");
}
