//! The terminal, and giving it back as it was: at the end, after a panic, after a signal.

use crate::console::failure::Failure;
use ratatui::crossterm::event::{self, DisableBracketedPaste, EnableBracketedPaste, Event};
use ratatui::crossterm::terminal::{self, EnterAlternateScreen};
use ratatui::crossterm::{execute, queue};
use ratatui::layout::{Position, Rect, Size};
use ratatui::{DefaultTerminal, TerminalOptions, Viewport};
use std::io::{self, IsTerminal, Write as _, stdin, stdout};
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The largest screen that is drawn, larger than text of 8 by 16 pixels on an 8K monitor. Any program
/// may set any size for a terminal, 65535 by 65535 included, and every cell takes memory.
const LARGEST: Size = Size::new(1000, 400);

/// The whole terminal, for as long as this lives.
pub(super) struct Terminal {
    screen: DefaultTerminal,
    /// The size that is drawn.
    size: Size,
    /// Dropped last: the cursor is shown again before the terminal is restored.
    _taken: Taken,
}

impl Terminal {
    /// Takes the terminal; a panic gives it back before it says what happened.
    pub(super) fn open() -> Result<Self, Failure> {
        if !stdin().is_terminal() || !stdout().is_terminal() {
            let message = "top needs a terminal; `status --watch` does without one";
            return Err(Failure::Usage(message.to_owned()));
        }
        Self::take().map_err(Failure::Terminal)
    }

    fn take() -> io::Result<Self> {
        let size = drawn_size()?;
        let taken = Taken::take();
        // The viewport is fixed, and fitted by [`Self::fit`]: a full-screen one takes any size.
        let viewport = Viewport::Fixed(area(size));
        let screen = ratatui::try_init_with_options(TerminalOptions { viewport })?;
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        Ok(Self { screen, size, _taken: taken })
    }

    pub(super) fn get(&mut self) -> &mut DefaultTerminal {
        &mut self.screen
    }

    /// The size that is drawn.
    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// Fits the drawn area to the terminal's current size. Returns whether it changed.
    pub(super) fn fit(&mut self) -> io::Result<bool> {
        let size = drawn_size()?;
        if size == self.size {
            return Ok(false);
        }
        self.size = size;
        self.screen.resize(area(size))?;
        Ok(true)
    }
}

/// The terminal's size, or as much of it as is drawn.
fn drawn_size() -> io::Result<Size> {
    let (width, height) = terminal::size()?;
    Ok(Size::new(width.min(LARGEST.width), height.min(LARGEST.height)))
}

fn area(size: Size) -> Rect {
    Rect::from((Position::ORIGIN, size))
}

/// Restores the terminal on `Drop`, even if it was set up only in part.
struct Taken;

impl Taken {
    /// A panic aborts release builds without any `Drop`, so the hook ends bracketed paste; ratatui's
    /// own hook does the rest.
    fn take() -> Self {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            leave_pastes();
            hook(info);
        }));
        Self
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        leave_pastes();
        ratatui::restore();
    }
}

/// Ends bracketed paste. Errors are ignored: with the terminal gone, nothing needs restoring.
fn leave_pastes() {
    let _ = queue!(stdout(), DisableBracketedPaste).and_then(|()| stdout().flush());
}

/// An event of the terminal, and when it was read.
pub(super) type Read = (Instant, Event);

/// Keys, pastes and changes of size, read on a separate thread, since reading blocks. The thread ends
/// with the process. The channel closes when the terminal is gone.
pub(super) fn events() -> Result<UnboundedReceiver<Read>, Failure> {
    let (sender, events) = unbounded_channel();
    let send = move |event| sender.send((Instant::now(), event)).is_ok();
    let read = move || while event::read().is_ok_and(&send) {};
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
