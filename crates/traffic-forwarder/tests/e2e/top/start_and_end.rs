//! How it comes to the screen and leaves it: the size of the terminal, the way to the process, and
//! the terminal as it was before.

use testkit::{Behaviour, Port, Script, Target, Terminal};

use super::Stage;
use crate::support::{BINARY, Config, Desk, play, served_client};

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
        (format!("--token-file {wrong}"), "does not take the token", 1),
        (
            "--token-file /no/such/file".to_owned(),
            "error: the token file `/no/such/file` cannot be read",
            2,
        ),
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
