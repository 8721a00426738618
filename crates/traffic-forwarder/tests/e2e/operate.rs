//! The commands that query and control a running process: their output, effect, and exit codes.

mod programs;

use serde_json::Value;
use testkit::{
    Behaviour, Finished, Forwarder, LIMIT, Listener, Place, Port, Script, Signal, Target, Tool,
    connect, run, wait_until,
};

use crate::support::{
    BINARY, Config, Desk, Forward, Session, forwarder, ping, play, served_client,
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
fn session(desk: &Desk) -> Session {
    Session::open_with(Config::new().admin(&desk.admin()), "name = 'web'")
}

#[test]
fn status_shows_the_process_and_its_forwards() {
    let desk = Desk::new();
    let session = session(&desk);
    let (pid, listen) = (session.forward.pid().to_string(), session.forward.addr().to_string());
    let shown = desk.done(&["status"]);
    says(&shown, &["serving", &format!("pid {pid}"), "generation 1", "1 forward"]);
    let (text, target) = (shown.text(), session.target.local_addr().unwrap());
    let target = target.as_socket().unwrap().to_string();
    let row = line_with(&text, "web");
    let expected =
        ["web", "active", &listen, &target, "1/1000", "1", "0", "0", "0", "1", "B", "1", "B"];
    assert_eq!(row, expected);
    let one = desk.done(&["status", "web"]);
    says(&one, &[&format!("{listen} -> {target}"), "idle_timeout = \"1h\""]);
    let json = desk.json(&["status"]);
    assert_eq!(json["status"]["sessions"], 1);
    assert_eq!(json["forwards"][0]["name"], "web");
    assert_eq!(desk.json(&["status", "web"])["sessions"], 1);
    assert_eq!(desk.refused(&["status", "wbe"], 1).matches("`wbe`").count(), 1);
}

/// The target refuses every client.
#[test]
fn status_counts_failed_sessions() {
    let (desk, nobody) = (Desk::new(), Port::v4());
    let config = Config::new().admin(&desk.admin());
    let forward = Forward::start_with(config, nobody.addr(), "name = 'db'");
    // The connection may be reset before connect(2) returns.
    let _ = connect(&forward);
    forward.wait_for_records(1);
    let shown = desk.done(&["status"]);
    says(&shown, &["0 refused, 1 failed"]);
    let text = shown.text();
    let column = line_with(&text, "FORWARD").iter().position(|word| *word == "FAILED");
    assert_eq!(line_with(&text, "db")[column.unwrap()], "1", "{text}");
    says(&desk.done(&["status", "db"]), &["1 so far, 0 refused, 1 failed"]);
}

#[test]
fn an_unknown_name_lists_similar_ones() {
    let (desk, port, target) = (Desk::new(), Port::every_address(), Listener::bind(Place::V4));
    let config = Config::new().admin(&desk.admin());
    let _forwarder = config.forward(format!(":{port}"), target.addr(), "").start();
    let port = port.to_string();
    let listing = ["sessions", "--forward", &port];
    for command in [&["drain", &port][..], &["resume", &port], &["status", &port], &listing] {
        let told = desk.refused(command, 1);
        assert!(told.contains(&format!("did you mean `:{port}`?")), "{told}");
    }
    assert!(desk.refused(&["drain", "other"], 1).contains(&format!("there is `:{port}`")));
}

#[test]
fn sessions_are_listed_sorted_and_counted() {
    let (desk, target) = (Desk::new(), Target::start(Behaviour::Echo));
    let config = Config::new().admin(&desk.admin());
    let forward = Forward::start_with(config, target.addr(), "name = 'web'");
    let [_first, busy, _last] = [(); 3].map(|()| served_client(&forward));
    play(&busy, Script::new().write_bytes([0; 4999]).read_exactly(4999));
    let shown = desk.done(&["sessions", "--sort", "bytes", "--limit", "2"]);
    says(&shown, &["2 of 3 sessions"]);
    let (text, client) = (shown.text(), busy.local_addr().unwrap().as_socket().unwrap());
    let rows: Vec<Vec<_>> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(rows[1][..3], ["2", "web", &client.to_string()], "{text}");
    assert_eq!(rows[2][..2], ["1", "web"], "of equal ones the lower number comes first: {text}");
    assert!(rows[1].contains(&"4.9") && rows[1].contains(&"KiB"), "{text}");
    says(&desk.done(&["sessions", "--client", "192.0.2.1"]), &["no open sessions"]);
    says(&desk.done(&["sessions", "--forward", "web"]), &["3 sessions"]);
    let told = [&*client.to_string(), "2, relay", "4.9 KiB by copy", "rtt "];
    says(&desk.done(&["sessions", "2"]), &told);
    assert_eq!(desk.json(&["sessions", "2"])["up"]["bytes"], 5000);
}

#[test]
fn a_killed_session_is_reset_and_removed() {
    let desk = Desk::new();
    let session = session(&desk);
    says(&desk.done(&["kill", "1"]), &["session 1 is killed"]);
    play(&session.client, Script::new().expect_reset());
    play(&session.target, Script::new().expect_reset());
    assert_eq!(session.forward.close_reason(), "operator/relay/killed");
    assert!(desk.refused(&["kill", "1"], 1).contains("no session 1"));
}

/// A name is a path segment: no byte of it may change the path.
#[test]
fn a_drained_forward_accepts_no_client_until_resumed() {
    let (desk, target, name) = (Desk::new(), Target::start(Behaviour::Echo), "a/../b?c=%64#é");
    let config = Config::new().admin(&desk.admin());
    let forward = Forward::start_with(config, target.addr(), format!("name = '{name}'"));
    let client = served_client(&forward);
    says(&desk.done(&["drain", name]), &[&format!("{name} is draining\n")]);
    says(&desk.done(&["drain", name]), &["is draining already"]);
    assert!(line_with(&desk.done(&["status"]).text(), name).contains(&"draining"));
    wait_until("nobody listens", LIMIT, || connect(&forward).is_err());
    ping(&client);
    says(&desk.done(&["resume", name]), &[&format!("{name} is active\n")]);
    served_client(&forward);
}

/// A configuration to be changed.
struct Ground {
    desk: Desk,
    /// Its queue takes every connection.
    target: Listener,
    /// Port of the unchanged forward.
    stays: Port,
}

impl Ground {
    fn new() -> Self {
        Self { desk: Desk::new(), target: Listener::bind(Place::V4), stays: Port::v4() }
    }

    /// The unchanged forward, and others.
    fn config(&self, others: &[String]) -> String {
        let stays = self.forward("stays", &self.stays, "");
        format!("{}{stays}{}", Config::new().admin(&self.desk.admin()).text(), others.concat())
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
    let (ground, [old, db, new]) = (Ground::new(), [(); 3].map(|()| Port::v4()));
    let desk = &ground.desk;
    let before = [ground.forward("old", &old, ""), ground.forward("db", &db, "")];
    let running = started(ground.config(&before));
    let db = ground.forward("db", &db, "idle_timeout = '2h'");
    let after = ground.config(&[db, ground.forward("new", &new, "")]);
    let compared = desk.done(&["plan", "-c", &desk.file("other.toml", &after)]).text();
    assert!(desk.done(&["plan"]).text().contains("a reload would change nothing"));
    running.write_config(&after);
    let planned = desk.done(&["plan"]).text();
    assert_eq!(planned, compared);
    assert_eq!(planned, desk.done(&["reload", "--dry-run"]).text());
    assert_eq!(desk.json(&["plan"])["changed"][0]["name"], "db");
    assert!(connect(&new).is_err(), "nothing was changed");
    let done = desk.done(&["reload"]).text();
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
    let (ground, new) = (Ground::new(), Port::v4());
    let running = started(ground.config(&[]));
    running.write_config(&ground.config(&[ground.forward("new", &new, "idle_timout = '1s'")]));
    for command in ["reload", "plan"] {
        let told = ground.desk.refused(&[command], 2);
        assert!(told.contains("did you mean `idle_timeout`?"), "{told}");
        assert!(told.ends_with("nothing was changed\n"), "{told}");
    }
    let holder = Listener::bind(Place::V4);
    let taken = holder.addr();
    let other = format!("[[forward]]\nlisten = '{taken}'\nto = '192.0.2.1:9'\n");
    running.write_config(&ground.config(&[ground.forward("new", &new, ""), other]));
    let told = ground.desk.refused(&["reload"], 1);
    assert!(told.contains(&taken.to_string()) && told.ends_with("nothing was changed\n"), "{told}");
    assert!(connect(&new).is_err());
    connect(&ground.stays).unwrap();
}

#[test]
fn a_confirmed_trial_becomes_permanent() {
    let (ground, new) = (Ground::new(), Port::v4());
    let running = started(ground.config(&[]));
    let desk = &ground.desk;
    running.write_config(&ground.config(&[ground.forward("new", &new, "")]));
    says(&desk.done(&["reload", "--confirm", "1h"]), &["reverts in 1h00m unless you run"]);
    says(&desk.done(&["status"]), &["on trial", "by admin: done"]);
    says(&desk.done(&["confirm"]), &["is kept"]);
    assert!(!desk.done(&["status"]).text().contains("on trial"));
    assert!(desk.refused(&["confirm"], 1).contains("nothing is on trial"));
    connect(&new).unwrap();
}

/// Pasted unchanged, it reaches the reloaded process, whichever option located it.
#[test]
fn the_printed_confirm_command_can_be_pasted() {
    let ground = Ground::new();
    let (running, admin) = (started(ground.config(&[])), ground.desk.admin());
    let found_by_file = ground.desk.file("my forwards.toml", &ground.config(&[]));
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
    let ground = Ground::new();
    let (desk, text) = (&ground.desk, ground.config(&[]));
    let running = started(text.clone());
    let arguments = ["--watch", "0.1", "--admin", &desk.admin()];
    let watches =
        ["status", "sessions"].map(|command| forwarder().arg(command).args(arguments).start());
    wait_for_output(&watches[0], "generation 1");
    wait_for_output(&watches[1], "no open sessions");
    desk.done(&["reload"]);
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
    let (desk, port) = (Desk::new(), Port::v4());
    let admin = port.addr().to_string();
    let (token, wrong) = (
        desk.file("token", "the-one-that-opens-the-door\n"),
        desk.file("wrong", "another-one-that-does-not"),
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
        [(wrong.as_str(), 1, "rejects the token"), ("/no/such/file", 2, "No such file")]
    {
        let refused = ask(file);
        assert_eq!(refused.status.code(), Some(code), "{refused}");
        assert!(refused.stderr.contains(says), "{refused}");
    }
    let without = forwarder().args(["status", "--admin", &admin]).run();
    assert_eq!(without.status.code(), Some(2), "{without}");
    assert!(without.stderr.contains("--token-file"), "{without}");
}
