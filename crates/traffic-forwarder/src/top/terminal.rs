//! The terminal, and giving it back as it was: at the end, after a panic, after a signal.

use crate::client::failure::Failure;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use std::io::{IsTerminal, stdin, stdout};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The whole terminal, for as long as this lives.
pub(super) struct Terminal(DefaultTerminal);

impl Terminal {
    /// Takes the terminal; a panic gives it back before it says what happened.
    pub(super) fn open() -> Result<Self, Failure> {
        if !stdin().is_terminal() || !stdout().is_terminal() {
            let message = "top needs a terminal; `status --watch` does without one";
            return Err(Failure::Usage(message.to_owned()));
        }
        ratatui::try_init().map(Self).map_err(Failure::Terminal)
    }

    pub(super) fn get(&mut self) -> &mut DefaultTerminal {
        &mut self.0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Keys and changes of size, read by a thread of their own: reading them blocks. It ends with the
/// process. The channel is closed when there is no terminal any more.
pub(super) fn events() -> Result<UnboundedReceiver<Event>, Failure> {
    let (sender, events) = unbounded_channel();
    let read = move || while event::read().is_ok_and(|event| sender.send(event).is_ok()) {};
    std::thread::Builder::new().name("keys".into()).spawn(read).map_err(Failure::Terminal)?;
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::text::Line;
    use std::env;

    /// Says to the second process that it has a terminal.
    const ARRIVED: &str = "TEST_HAS_A_TERMINAL";

    /// The test's program is started again on a terminal, and panics there.
    #[test]
    fn a_panic_gives_the_screen_back_and_says_why() {
        if env::var_os(ARRIVED).is_some() {
            let mut terminal = Terminal::open().unwrap();
            terminal
                .get()
                .draw(|frame| frame.render_widget(Line::from("it draws"), frame.area()))
                .unwrap();
            event::read().unwrap();
            panic!("a reason");
        }
        let terminal = testkit::Terminal::open(80, 24);
        terminal.run("echo what was there");
        let program = env::current_exe().unwrap();
        let (_, path) = module_path!().split_once("::").unwrap();
        let test = format!("{path}::a_panic_gives_the_screen_back_and_says_why");
        // A backtrace would fill the screen.
        terminal.run(&format!(
            "RUST_BACKTRACE=0 {ARRIVED}=1 {} --exact {test} --nocapture",
            program.display()
        ));
        terminal.shows("it draws");
        assert!(terminal.is_taken());
        terminal.press(["x"]);
        let screen = terminal.is_given_back();
        assert!(screen.contains("what was there") && !screen.contains("it draws"), "{screen}");
        assert!(screen.contains("a reason"), "{screen}");
    }
}
