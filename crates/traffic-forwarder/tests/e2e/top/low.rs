//! `top` on a terminal that is too low for its content.

use testkit::{Behaviour, Port, Target, Terminal};

use crate::support::{BINARY, Config, Console, served_client};

/// The minimum size.
const LEAST: (u16, u16) = (40, 10);

#[test]
fn session_details_and_help_scroll_to_the_end_on_the_lowest_terminal() {
    let (console, target, port) = (Console::new(), Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().admin(&console.admin());
    let _forwarder = config.forward(port.addr(), target.addr(), "name = 'db'").start();
    let _client = served_client(&port);
    let terminal = Terminal::open(LEAST.0, LEAST.1);
    terminal.run(&format!("{BINARY} top --admin {}", console.admin()));
    terminal.shows("\ndb ");
    terminal.press(["Tab"]);
    terminal.shows("\n127.0.0.1:");
    terminal.press(["Enter"]);
    terminal.shows(" lines 1-3 of ");
    let last = "\nbytes       1 B up, 1 B down\n";
    assert!(!terminal.screen().contains(last), "there is no room for it");
    terminal.press(["End"]);
    terminal.shows(last);
    terminal.press(["Home"]);
    terminal.wait_for("the beginning", |screen| screen.contains("\nsession     1, relay"));
    terminal.press(["PageDown", "Down", "Up"]);
    terminal.shows(" lines 4-6 of ");
    // The last line stays the last one while the terminal grows, until everything fits.
    terminal.press(["End"]);
    let short = terminal.shows(last);
    assert!(!short.contains("\ntarget tcp "), "{short}");
    terminal.resize(LEAST.0, 16);
    terminal.wait_for("more of the end", |screen| {
        screen.contains(last) && screen.contains("\ntarget tcp ") && screen.contains(" lines ")
    });
    terminal.resize(80, 40);
    terminal.wait_for("all of it", |screen| {
        screen.contains(last) && screen.contains("\nsession     1,") && !screen.contains(" lines ")
    });
    terminal.resize(LEAST.0, LEAST.1);
    terminal.press(["F1"]);
    terminal.shows("Help 1-8 of ");
    terminal.press(["End"]);
    terminal.shows("quit; the process runs on");
    terminal.press(["Escape"]);
    terminal.wait_for("no help", |screen| !screen.contains("quit; the process"));
    terminal.press(["q"]);
    terminal.is_given_back();
}
