//! `top` on a real terminal, over a running process: what is typed, and what is on the screen.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::{fs, thread};

use testkit::{
    Behaviour, Forwarder, Http, LIMIT, Port, Script, Signal, Socket, Target, Terminal, Tool,
    connect, wait_until,
};

use crate::support::{BINARY, Config, Desk, ping, play, served_client};

/// A process with the forwards `db` and `web` to an echo, and a terminal.
struct Stage {
    desk: Desk,
    target: Target,
    db: Port,
    web: Port,
    forwarder: Option<Forwarder>,
    terminal: Terminal,
}

impl Stage {
    #[track_caller]
    fn new() -> Self {
        let (desk, target) = (Desk::new(), Target::start(Behaviour::Echo));
        let (db, web, terminal) = (Port::v4(), Port::v4(), Terminal::open(80, 24));
        let mut stage = Self { desk, target, db, web, forwarder: None, terminal };
        stage.start();
        stage
    }

    fn config(&self) -> Config {
        let config = Config::new().admin(&self.desk.admin());
        let config = config.forward(self.db.addr(), self.target.addr(), "name = 'db'");
        config.forward(self.web.addr(), self.target.addr(), "name = 'web'\nmax_sessions = 3")
    }

    #[track_caller]
    fn start(&mut self) {
        self.forwarder = Some(self.config().start());
    }

    /// Types the command, and waits until it has drawn.
    #[track_caller]
    fn open(&self) {
        let (admin, pid) = (self.desk.admin(), self.desk.path("pid"));
        self.terminal.run(&format!("sh -c 'echo $$ >{pid}; exec {BINARY} top --admin {admin}'"));
        self.terminal.shows("F10Quit");
        self.terminal.shows("web");
    }

    /// Sends a signal to what was opened last.
    #[track_caller]
    fn signal(&self, name: &str) {
        let pid = fs::read_to_string(self.desk.path("pid")).unwrap();
        Tool::find("sh").run(["-c", &format!("kill -{name} {pid}")], LIMIT);
    }

    /// The words of the first line with this one.
    fn row(&self, word: &str) -> Vec<String> {
        let screen = self.terminal.screen();
        let rows = screen.lines().map(|line| line.split_whitespace().map(str::to_owned));
        rows.map(Iterator::collect::<Vec<_>>)
            .find(|words| words.iter().any(|found| found == word))
            .unwrap_or_default()
    }

    /// The numbers in the first column, from the heading on.
    fn ids(&self) -> Vec<u64> {
        let screen = self.terminal.screen();
        let rows = screen.lines().skip_while(|line| line.split_whitespace().next() != Some("ID"));
        rows.filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
    }

    #[track_caller]
    fn wait_for_ids(&self, expected: &[u64]) {
        self.terminal.wait_for(&format!("the sessions {expected:?}"), |_| self.ids() == expected);
    }
}

/// Sends so many bytes to an echo, and gets them back.
fn send(client: &Socket, bytes: usize) {
    let script = Script::new().write_bytes(vec![b'.'; bytes]);
    play(client, script.read_exactly(bytes as u64));
}

#[test]
fn what_is_shown_at_rest_is_what_the_metrics_say_to_the_byte() {
    let stage = Stage::new();
    let client = served_client(&stage.db);
    send(&client, 123_456);
    let http = Http::new(PathBuf::from(stage.desk.path("admin.sock")));
    let sum = |lane: &str| -> u64 {
        let metrics = http.get("/metrics").success().body;
        let name = "traffic_forwarder_bytes_total";
        let of_lane = |line: &&str| line.starts_with(name) && line.contains(&format!("\"{lane}\""));
        let number = |line: &str| line.rsplit(' ').next()?.parse::<u64>().ok();
        metrics.lines().filter(of_lane).filter_map(number).sum()
    };
    // The last byte may be here before it is counted.
    wait_until("all bytes", LIMIT, || (sum("up"), sum("down")) == (123_457, 123_457));
    stage.open();
    stage.terminal.wait_for("the totals", |_| {
        let total = |lane: &str| stage.row(lane).windows(2).any(|pair| pair == ["123457", "B"]);
        total("up") && total("down")
    });
    stage.terminal.press(["Tab"]);
    stage.wait_for_ids(&[1]);
    stage.terminal.press(["Enter"]);
    stage.terminal.shows(&format!("bytes       {} B up, {} B down", sum("up"), sum("down")));
}

#[test]
fn numbers_move_while_load_runs() {
    let stage = Stage::new();
    let client = served_client(&stage.db);
    stage.open();
    let (stop, stopped) = channel::<()>();
    let load = thread::spawn(move || {
        while stopped.try_recv().is_err() {
            send(&client, 1000);
        }
    });
    let rate = || stage.row("db").get(3..5).map(|rate| rate.join(" "));
    let moves = |rate: Option<String>| rate.is_some_and(|rate| !rate.starts_with("0 "));
    stage.terminal.wait_for("a rate", |_| moves(rate()));
    let mut seen = HashSet::new();
    wait_until("three totals", LIMIT, || {
        seen.insert(stage.row("up"));
        seen.len() >= 3
    });
    assert!(stage.terminal.screen().contains('█'), "the trend is drawn");
    stop.send(()).unwrap();
    load.join().unwrap();
    stage.terminal.wait_for("rest", |_| rate().is_some_and(|rate| rate.starts_with("0 ")));
}

#[test]
fn sessions_are_sorted_and_filtered() {
    let stage = Stage::new();
    let clients = [&stage.db, &stage.web, &stage.db].map(served_client);
    send(&clients[1], 5000);
    send(&clients[2], 2000);
    stage.open();
    stage.terminal.press(["Tab"]);
    stage.terminal.shows("by rate");
    // rate, age, bytes
    stage.terminal.press([">", ">"]);
    stage.terminal.shows("by bytes");
    stage.wait_for_ids(&[2, 3, 1]);
    stage.terminal.press(["F6", "Down", "Down", "Enter"]);
    stage.terminal.shows("by id");
    stage.wait_for_ids(&[1, 2, 3]);
    stage.terminal.press(["F4"]);
    stage.terminal.type_text("web");
    stage.terminal.press(["Enter"]);
    stage.terminal.shows("1 with \"web\"");
    stage.wait_for_ids(&[2]);
    stage.terminal.press(["Escape"]);
    stage.wait_for_ids(&[1, 2, 3]);
    for (filter, expected) in [("127.0.0.1", &[1, 2, 3][..]), ("192.0.2.1", &[])] {
        stage.terminal.press(["/", "C-u"]);
        stage.terminal.type_text(filter);
        stage.terminal.press(["Enter"]);
        stage.terminal.shows(&format!("{} with \"{filter}\"", expected.len()));
        stage.wait_for_ids(expected);
    }
    stage.terminal.press(["/", "C-u"]);
    stage.terminal.type_text("wbe");
    stage.terminal.press(["Enter"]);
    stage.terminal.shows("there is no forward `wbe`");
}

#[test]
fn the_session_that_is_chosen_is_killed_and_no_other() {
    let stage = Stage::new();
    let clients: Vec<_> = (0..3).map(|_| served_client(&stage.db)).collect();
    stage.open();
    stage.terminal.press(["Tab", "<"]);
    stage.terminal.shows("by id");
    stage.wait_for_ids(&[1, 2, 3]);
    stage.terminal.press(["Down", "F9"]);
    let client = clients[1].local_addr().unwrap().as_socket().unwrap().to_string();
    let asked = stage.terminal.shows("Kill session 2 of db?");
    assert!(asked.contains(&client), "{asked}");
    stage.terminal.press(["n"]);
    stage.terminal.wait_for("no question", |screen| !screen.contains("Kill session"));
    clients.iter().for_each(ping);
    stage.terminal.press(["k", "y"]);
    stage.terminal.shows("session 2 is killed");
    stage.wait_for_ids(&[1, 3]);
    play(&clients[1], Script::new().expect_reset());
    [&clients[0], &clients[2]].into_iter().for_each(ping);
}

#[test]
fn a_forward_is_drained_and_resumed() {
    let stage = Stage::new();
    let client = served_client(&stage.db);
    stage.open();
    stage.terminal.press(["F7"]);
    stage.terminal.shows("Drain db?");
    stage.terminal.press(["y"]);
    stage.terminal.shows("db is draining");
    wait_until("nobody listens", LIMIT, || connect(&stage.db).is_err());
    ping(&client);
    stage.terminal.wait_for("its state", |_| stage.row("db")[1] == "draining");
    stage.terminal.press(["r", "y"]);
    stage.terminal.shows("db is active");
    served_client(&stage.db);
}

#[test]
fn what_an_operator_should_act_on_is_red() {
    let stage = Stage::new();
    let _clients = [(); 3].map(|()| served_client(&stage.web));
    stage.open();
    // In the second colour of the terminal's palette.
    let limit = "\x1b[38;5;1m3/3";
    wait_until("the limit in red", LIMIT, || stage.terminal.coloured_screen().contains(limit));
}

#[test]
fn it_fits_into_every_size() {
    let stage = Stage::new();
    let _client = served_client(&stage.db);
    stage.open();
    let fits = |screen: &str, width: usize, height: usize| {
        let lines: Vec<_> = screen.lines().collect();
        lines.len() == height
            && lines.iter().all(|line| line.chars().count() <= width)
            && lines[0].starts_with("traffic-forwarder serving")
            && lines[height - 1].starts_with("F1Help")
            && screen.contains("\ndb ")
    };
    for (width, height) in [(120, 40), (60, 15), (200, 60), (80, 24)] {
        stage.terminal.resize(width, height);
        let what = format!("a screen of {width} columns and {height} lines");
        stage.terminal.wait_for(&what, |screen| fits(screen, width.into(), height.into()));
    }
    stage.terminal.resize(30, 5);
    stage.terminal.shows("too small");
    stage.terminal.resize(80, 24);
    stage.terminal.wait_for("all of it", |screen| fits(screen, 80, 24));
}

#[test]
fn the_screen_is_given_back() {
    let stage = Stage::new();
    stage.terminal.run("echo what was there");
    for leave in ["q", "F10", "C-c", "TERM", "HUP"] {
        stage.open();
        assert!(stage.terminal.is_taken());
        match leave {
            "TERM" | "HUP" => stage.signal(leave),
            key => stage.terminal.press([key]),
        }
        let screen = stage.terminal.is_given_back();
        assert!(screen.contains("what was there") && !screen.contains("F10Quit"), "{screen}");
        stage.terminal.run("clear; stty -a | grep -o '[-]*icanon'; echo what was there");
        let screen = stage.terminal.shows("icanon");
        assert!(!screen.contains("-icanon"), "lines are read as before: {screen}");
    }
}

#[test]
fn it_goes_on_through_reloads_and_restarts() {
    let mut stage = Stage::new();
    stage.open();
    stage.desk.done(&["reload"]);
    stage.terminal.shows("reloaded (generation 1 -> 2)");
    stage.forwarder = None;
    stage.terminal.shows("does not answer since ");
    stage.terminal.shows("retrying");
    stage.start();
    stage.terminal.shows("restarted (pid ");
    let _client = served_client(&stage.db);
    stage
        .terminal
        .wait_for("its session", |_| stage.row("db").get(2).is_some_and(|n| n == "1/1000"));
}

#[test]
fn it_goes_on_through_an_upgrade() {
    let stage = Stage::new();
    let client = served_client(&stage.db);
    stage.open();
    stage.terminal.press(["Tab"]);
    stage.wait_for_ids(&[1]);
    stage.desk.done(&["upgrade"]);
    stage.terminal.shows("the process was upgraded");
    ping(&client);
    stage.terminal.press(["k", "y"]);
    stage.terminal.shows("session 1 is killed");
    play(&client, Script::new().expect_reset());
}

#[test]
fn an_upgrade_that_fails_is_told_until_one_works() {
    let stage = Stage::new();
    stage.open();
    stage.desk.refused(&["upgrade", "--binary", "/bin/true"], 1);
    stage.terminal.shows("the last upgrade failed");
    stage.desk.done(&["upgrade"]);
    stage.terminal.wait_for("no failure", |screen| {
        screen.contains("the process was upgraded") && !screen.contains("upgrade failed")
    });
}

/// A process that is stopped takes connections, and answers none.
#[test]
fn a_process_that_hangs_is_told_from_one_that_is_idle() {
    let stage = Stage::new();
    stage.open();
    let forwarder = stage.forwarder.as_ref().unwrap();
    forwarder.signal(Signal::STOP);
    stage.terminal.shows("does not answer since ");
    stage.terminal.press(["F1"]);
    stage.terminal.shows("any key closes it");
    forwarder.signal(Signal::CONT);
    stage.terminal.press(["q"]);
    stage.terminal.shows("answers again");
}

#[test]
fn a_port_is_asked_with_its_token_and_a_wrong_one_is_told() {
    let (desk, port, target) = (Desk::new(), Port::v4(), Target::start(Behaviour::Echo));
    let token = desk.file("token", "the-one-that-opens-the-door\n");
    let wrong = desk.file("wrong", "another-one-that-does-not\n");
    let (admin, web) = (port.addr().to_string(), Port::v4());
    let config = Config::new().admin(&admin).process(&format!("admin_token_file = '{token}'"));
    let _forwarder = config.forward(web.addr(), target.addr(), "name = 'web'").start();
    let client = served_client(&web);
    let terminal = Terminal::open(80, 24);
    let open = |rest: &str| {
        terminal.run(&format!("clear; {BINARY} top --admin {admin} {rest}; echo \"code $?\""));
    };
    for (rest, says, code) in [
        (format!("--token-file {wrong}"), "error: the process does not take this token", 1),
        ("--token-file /no/such/file".to_owned(), "error: /no/such/file: No such file", 2),
        (String::new(), "which asks for a token: add --token-file FILE", 2),
    ] {
        open(&rest);
        let code = format!("code {code}\n");
        terminal.wait_for(says, |screen| screen.contains(says) && screen.contains(&code));
        assert!(!terminal.is_taken());
    }
    open(&format!("--token-file {token}"));
    terminal.shows("web ");
    terminal.press(["Tab"]);
    terminal.shows("\n     1 web ");
    terminal.press(["k", "y"]);
    terminal.shows("session 1 is killed");
    play(&client, Script::new().expect_reset());
    terminal.press(["q"]);
    terminal.shows("code 0\n");
}

#[test]
fn without_a_process_or_a_terminal_it_says_so() {
    let (nobody, stage) = (Desk::new(), Stage::new());
    stage.terminal.run(&format!("{BINARY} top --admin {}", nobody.admin()));
    stage.terminal.shows("no running traffic-forwarder answers");
    assert!(!stage.terminal.is_taken());
    assert!(stage.desk.refused(&["top"], 2).contains("needs a terminal"));
}
