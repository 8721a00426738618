//! The terminal, restored at the end, after a panic and after a signal.

use crate::console::failure::CommandError;
use ratatui::crossterm::event::{self, DisableBracketedPaste, EnableBracketedPaste, Event};
use ratatui::crossterm::terminal::{self, EnterAlternateScreen};
use ratatui::crossterm::{execute, queue};
use ratatui::layout::{Position, Rect, Size};
use ratatui::{DefaultTerminal, TerminalOptions, Viewport};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal, Write as _, stdin, stdout};
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The largest area that is drawn: more than text of 8 by 16 pixels needs on an 8K monitor. Any
/// program may set any size for a terminal, even 65535 by 65535, and every cell takes memory.
const LARGEST: Size = Size::new(1000, 400);

/// The terminal in full-screen mode. Dropping it restores the terminal.
pub(super) struct Terminal {
    screen: DefaultTerminal,
    /// The drawn size.
    size: Size,
    /// Dropped last: the cursor is shown again before the terminal is restored.
    _taken: Taken,
}

impl Terminal {
    /// Switches to full-screen mode. A panic restores the terminal before it prints its message.
    pub(super) fn open() -> Result<Self, CommandError> {
        if !stdin().is_terminal() || !stdout().is_terminal() {
            let message = "top needs a terminal; `status --watch` does without one";
            return Err(CommandError::Usage(message.to_owned()));
        }
        Self::take().map_err(CommandError::Terminal)
    }

    fn take() -> io::Result<Self> {
        let size = drawn_size()?;
        let taken = Taken::take();
        // The viewport is fixed, and resized by [`Self::fit`]: a full-screen viewport would accept
        // any size.
        let viewport = Viewport::Fixed(area(size));
        let screen = ratatui::try_init_with_options(TerminalOptions { viewport })?;
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        Ok(Self { screen, size, _taken: taken })
    }

    pub(super) fn get(&mut self) -> &mut DefaultTerminal {
        &mut self.screen
    }

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

/// The terminal's size, limited to [`LARGEST`].
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
    /// Installs a panic hook that ends bracketed paste, since a panic aborts release builds without
    /// any `Drop`; ratatui's own hook does the rest.
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

/// Makes the kernel report unread keys again; to be called after a resize.
///
/// crossterm 0.29 returns one event of a wake-up by epoll. If that is the resize, a key of the same
/// wake-up would stay unread until the next key, since crossterm waits for edges (`EPOLLET`).
/// Setting attributes of a terminal, even the same ones, wakes its readers.
pub(super) fn report_keys_again() -> io::Result<()> {
    let attributes = tcgetattr(stdin())?;
    Ok(tcsetattr(stdin(), OptionalActions::Now, &attributes)?)
}

/// A terminal event, and the time when it was read.
pub(super) type Read = (Instant, Event);

/// Reads keys, pastes and resizes on a separate thread, since reading blocks. The thread ends with
/// the process. The channel closes when the terminal is gone.
pub(super) fn events() -> Result<UnboundedReceiver<Read>, CommandError> {
    let (sender, events) = unbounded_channel();
    let send = move |event| sender.send((Instant::now(), event)).is_ok();
    let read = move || while event::read().is_ok_and(&send) {};
    std::thread::Builder::new().name("keys".into()).spawn(read).map_err(CommandError::Terminal)?;
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::text::Line;
    use std::env;

    /// Set for the second process, which has a terminal.
    const ARRIVED: &str = "TEST_HAS_A_TERMINAL";

    /// Runs the test program again on a terminal, where it panics.
    #[test]
    fn a_panic_restores_the_screen() {
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
        let test = format!("{path}::a_panic_restores_the_screen");
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
