//! `top` on a real terminal, with a running process: keys in, screen out.

mod changes;
mod figures;
mod keys;
mod low;
mod start_and_end;
mod targets;

use std::fs;

use testkit::{Behaviour, Forwarder, LIMIT, Port, Script, Socket, Target, Terminal, Tool};

use crate::support::{BINARY, Config, Console, play};

/// A process with the forwards `db` and `web` to an echo, and a terminal.
struct Stage {
    console: Console,
    target: Target,
    db: Port,
    web: Port,
    forwarder: Option<Forwarder>,
    terminal: Terminal,
}

impl Stage {
    #[track_caller]
    fn new() -> Self {
        let (console, target) = (Console::new(), Target::start(Behaviour::Echo));
        let (db, web, terminal) = (Port::v4(), Port::v4(), Terminal::open(80, 24));
        let mut stage = Self { console, target, db, web, forwarder: None, terminal };
        stage.start();
        stage
    }

    fn config(&self) -> Config {
        let config = Config::new().admin(&self.console.admin());
        let config = config.forward(self.db.addr(), self.target.addr(), "name = 'db'");
        config.forward(self.web.addr(), self.target.addr(), "name = 'web'\nmax_sessions = 3")
    }

    #[track_caller]
    fn start(&mut self) {
        self.forwarder = Some(self.config().start());
    }

    /// Types the command, and waits for its first screen.
    #[track_caller]
    fn open(&self) {
        let (admin, pid) = (self.console.admin(), self.console.path("pid"));
        self.terminal.run(&format!("sh -c 'echo $$ >{pid}; exec {BINARY} top --admin {admin}'"));
        self.terminal.shows("F10Quit");
        self.terminal.shows("web");
    }

    /// Process id of the command opened last.
    #[track_caller]
    fn pid(&self) -> u32 {
        fs::read_to_string(self.console.path("pid")).unwrap().trim_end().parse().unwrap()
    }

    /// Signals the command opened last.
    #[track_caller]
    fn signal(&self, name: &str) {
        Tool::find("sh").run(["-c", &format!("kill -{name} {}", self.pid())], LIMIT);
    }

    /// The words of the first line that contains `word`.
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

/// Sends `bytes` bytes to an echo, and reads them back.
fn send(client: &Socket, bytes: usize) {
    let script = Script::new().write_bytes(vec![b'.'; bytes]);
    play(client, script.read_exactly(bytes as u64));
}
