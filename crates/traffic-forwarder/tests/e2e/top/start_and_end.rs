//! Start and exit of `top`: the size of the terminal, the connection to the process, and the
//! restored terminal.

use std::fs;

use testkit::{Behaviour, LIMIT, Port, Script, Target, Terminal, Tool, wait_until};

use super::Stage;
use crate::support::{BINARY, Config, Console, play, served_client};

#[test]
fn it_fits_every_size() {
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

/// Any program can set the size of a terminal: `stty rows 65535` is enough.
#[test]
fn no_size_crashes_it_or_exhausts_its_memory() {
    const SIZES: [(u16, u16); 7] =
        [(u16::MAX, u16::MAX), (0, 0), (u16::MAX, 1), (1, 1), (1, u16::MAX), (0, 24), (40, 10)];
    const MOST: u64 = 256 * 1024 * 1024;
    let stage = Stage::new();
    let tty = stage.console.path("tty");
    stage.terminal.run(&format!("tty >{tty}; echo at $(cat {tty})"));
    stage.terminal.shows("at /dev/");
    let tty = fs::read_to_string(tty).unwrap();
    let resize = |(width, height): (u16, u16)| {
        let (width, height) = (width.to_string(), height.to_string());
        Tool::find("stty")
            .run(["-F", tty.trim_end(), "rows", &height, "columns", &width], LIMIT)
            .success();
    };
    for size in SIZES {
        // Starts at this size, and resizes to all others.
        resize(size);
        let (admin, pid) = (stage.console.admin(), stage.console.path("pid"));
        let command = format!("sh -c 'echo $$ >{pid}; exec {BINARY} top --admin {admin}'");
        stage.terminal.run(&command);
        wait_until(&format!("{size:?}: the screen is taken"), LIMIT, || stage.terminal.is_taken());
        for _ in 0..5 {
            SIZES.into_iter().for_each(resize);
        }
        resize((80, 24));
        stage.terminal.wait_for(&format!("{size:?}: all of it"), |screen| {
            screen.starts_with("traffic-forwarder serving") && screen.contains("F10Quit")
        });
        let pid: u32 = fs::read_to_string(pid).unwrap().trim_end().parse().unwrap();
        let most = peak_memory(pid);
        assert!(most < MOST, "{size:?}: {most} bytes");
        stage.terminal.press(["q"]);
        stage.terminal.is_given_back();
        stage.terminal.run("clear");
    }
}

/// Peak resident memory of a process, in bytes.
fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn the_screen_is_restored() {
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
fn a_port_takes_its_token_and_reports_a_wrong_one() {
    let (console, port, target) = (Console::new(), Port::v4(), Target::start(Behaviour::Echo));
    let token = console.file("token", "the-one-that-opens-the-door\n");
    let wrong = console.file("wrong", "another-one-that-does-not\n");
    let (admin, web) = (port.addr().to_string(), Port::v4());
    let config = Config::new().admin(&admin).process(&format!("admin_token_file = '{token}'"));
    let _forwarder = config.forward(web.addr(), target.addr(), "name = 'web'").start();
    let client = served_client(&web);
    let terminal = Terminal::open(80, 24);
    let open = |rest: &str| {
        terminal.run(&format!("clear; {BINARY} top --admin {admin} {rest}; echo \"code $?\""));
    };
    for (rest, says, code) in [
        (format!("--token-file {wrong}"), "rejects the token", 1),
        (
            "--token-file /no/such/file".to_owned(),
            "error: the token file `/no/such/file` cannot be read",
            2,
        ),
        (String::new(), "requires a token: add --token-file FILE", 2),
    ] {
        open(&rest);
        let code = format!("code {code}\n");
        terminal.wait_for(says, |screen| screen.contains(says) && screen.contains(&code));
        assert!(!terminal.is_taken());
    }
    open(&format!("--token-file {token}"));
    terminal.shows("web ");
    terminal.press(["Tab"]);
    terminal.wait_for("the session", |screen| {
        screen.lines().any(|line| line.split_whitespace().take(2).eq(["1", "web"]))
    });
    terminal.press(["k"]);
    terminal.shows("Kill session 1 of web?");
    terminal.press(["y"]);
    terminal.shows("session 1 is killed");
    play(&client, Script::new().expect_reset());
    terminal.press(["q"]);
    terminal.shows("code 0\n");
}

#[test]
fn a_missing_process_or_terminal_is_reported() {
    let (absent, stage) = (Console::new(), Stage::new());
    stage.terminal.run(&format!("{BINARY} top --admin {}", absent.admin()));
    stage.terminal.shows("no running traffic-forwarder answers");
    assert!(!stage.terminal.is_taken());
    assert!(stage.console.refused(&["top"], 2).contains("needs a terminal"));
}
