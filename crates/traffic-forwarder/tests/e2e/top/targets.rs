//! The targets of a forward: what is wrong stands first, and nothing is cut.

use std::fmt::Write as _;

use testkit::{Behaviour, Port, Target, Terminal};

use crate::support::{BINARY, Config, Console, forwarder, ping, served_client};

/// The most targets of a forward.
const TARGETS: usize = 1024;

#[test]
fn the_target_that_is_down_leads_a_list_of_1024() {
    let (console, port, dead) = (Console::new(), Port::v4(), Port::v4());
    let echo = Target::start(Behaviour::Echo);
    let (dead, echo) = (dead.addr().to_string(), echo.addr().to_string());
    let config = Config::new().admin(&console.admin()).text() + &forward(&port, &dead, &echo);
    let running = forwarder().config(config).start();
    running.ready();
    let client = served_client(&port);

    let terminal = Terminal::open(80, 24);
    let admin = console.admin();
    terminal.run(&format!("sh -c 'NO_COLOR=1 exec {BINARY} top --admin {admin}'"));
    terminal.shows("F5Targets");
    terminal.shows("\nweb ");
    terminal.press(["F5"]);
    shows_the_rows(&terminal, &dead, &echo);
    shows_the_reason_in_full(&terminal, &dead);

    let state = |at: usize| console.json(&["targets", "web"])[0]["targets"][at]["state"].clone();
    drains(&terminal, &echo);
    assert_eq!(state(TARGETS - 1), "drained");
    ping(&client);
    terminal.press(["Down", "r"]);
    terminal.shows(&format!("Resume {echo} of web?"));
    terminal.press(["y"]);
    terminal.shows(&format!("{echo} takes sessions again"));
    assert_eq!(state(TARGETS - 1), "up");
}

/// `first` reaches the last two targets only.
fn forward(port: &Port, dead: &str, echo: &str) -> String {
    let mut others = String::new();
    for at in 0..TARGETS - 2 {
        write!(others, "{{ address = '127.1.{}.{}:9', backup = true }},", at / 256, at % 256)
            .unwrap();
    }
    format!(
        "[[forward]]\nname = 'web'\nlisten = '{}'\nbalance = 'first'\nto = [{others} '{dead}', '{echo}']\n\
         passive = {{ failures = 1, down = '1h', down_max = '1h' }}\n",
        port.addr()
    )
}

/// Whole rows of a terminal without colours: the state is a word.
fn shows_the_rows(terminal: &Terminal, dead: &str, echo: &str) {
    // All others but the last are probed in vain.
    let shown = terminal.shows("by state  1 down  1022 unreachable  1024 ");
    let rows: Vec<Vec<_>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    let head = rows.iter().position(|row| row.first() == Some(&"FORWARD")).unwrap();
    assert_eq!(rows[head][1..6], ["TARGET", "STATE", "FOR", "SESSIONS", "WHY"], "{shown}");
    assert_eq!(rows[head + 1][..3], ["web", dead, "down"], "{shown}");
    assert_eq!(rows[head + 2][..3], ["web", "127.1.0.0:9", "unreachable"], "{shown}");
    terminal.press(["End"]);
    let last = terminal.shows(&format!(" {echo} "));
    let row = last.lines().find(|line| line.contains(echo)).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[..5], ["web", echo, "up", "-", "1"]);
}

/// The list has cut it.
fn shows_the_reason_in_full(terminal: &Terminal, dead: &str) {
    terminal.press(["Home", "Enter"]);
    let target = terminal.shows("1 failed connect: connection");
    assert!(target.contains(&format!("\ntarget      {dead}\n")), "{target}");
    assert!(target.contains("\nstate       down since 2"), "{target}");
    terminal.press(["Escape"]);
    terminal.shows("1 down");
}

/// Drains the last target, which stays behind the unreachable ones.
fn drains(terminal: &Terminal, echo: &str) {
    terminal.press(["End", "F7"]);
    terminal.shows(&format!("Drain {echo} of web?"));
    terminal.press(["y"]);
    terminal.shows(&format!("{echo} is drained"));
    terminal.press(["End"]);
    terminal.wait_for("the order by state", |screen| {
        let position = |text: &str| screen.find(text);
        let drained = position(&format!(" {echo} drained "));
        drained.is_some() && position(" 127.1.3.253:9 ") < drained
    });
}
