//! A detached terminal of any size that tests type into and read: tmux(1).

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::tool::{Tool, run};
use crate::wait::{LIMIT, wait_for, wait_until};

/// What the shell in it says when it waits for a command.
const PROMPT: &str = "shell> ";

/// A terminal in which a shell runs. All in it ends on `Drop`.
#[derive(Debug)]
pub struct Terminal {
    tmux: PathBuf,
    dir: TempDir,
}

impl Terminal {
    /// Opens one of so many columns and lines, and waits for the shell.
    #[track_caller]
    pub fn open(width: u16, height: u16) -> Self {
        let (tmux, dir) = (Tool::find("tmux").path().to_owned(), TempDir::new());
        let terminal = Self { tmux, dir: dir.expect("a temporary directory") };
        let (width, height) = (width.to_string(), height.to_string());
        let shell = format!("exec env PS1='{PROMPT}' sh");
        terminal.tmux(["new-session", "-d", "-x", &width, "-y", &height, &shell]);
        terminal.wait_for("the shell", |screen| screen.contains(PROMPT.trim_end()));
        terminal
    }

    /// Types a command, and Enter.
    #[track_caller]
    pub fn run(&self, command: &str) {
        self.type_text(command);
        self.press(["Enter"]);
    }

    /// Types letters as they are.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        self.tmux(["send-keys", "-l", text]);
    }

    /// Pastes a text, marked as such if the program has asked for that (bracketed paste).
    #[track_caller]
    pub fn paste(&self, text: &str) {
        self.tmux(["set-buffer", "--", text]);
        self.tmux(["paste-buffer", "-p"]);
    }

    /// Presses keys by their names: `F9`, `Tab`, `PageDown`, `C-c`.
    #[track_caller]
    pub fn press<const N: usize>(&self, keys: [&str; N]) {
        self.tmux([&["send-keys"], &keys[..]].concat());
    }

    /// Makes it larger or smaller.
    #[track_caller]
    pub fn resize(&self, width: u16, height: u16) {
        self.tmux(["resize-window", "-x", &width.to_string(), "-y", &height.to_string()]);
    }

    /// Text on the screen, without colours.
    #[track_caller]
    pub fn screen(&self) -> String {
        self.tmux(["capture-pane", "-p"])
    }

    /// The lines as programs wrote them: one that is wider than the terminal is not broken.
    #[track_caller]
    pub fn written_lines(&self) -> String {
        self.tmux(["capture-pane", "-p", "-J"])
    }

    /// The same as [`Self::screen`], with the sequences that colour it.
    #[track_caller]
    pub fn coloured_screen(&self) -> String {
        self.tmux(["capture-pane", "-p", "-e"])
    }

    /// Whether a program has the screen to itself, beside that of the shell.
    #[track_caller]
    pub fn is_taken(&self) -> bool {
        self.tmux(["display-message", "-p", "#{alternate_on}"]).trim() == "1"
    }

    /// Looks at the screen until `holds`, and returns it.
    ///
    /// # Panics
    ///
    /// After [`LIMIT`], with the screen as it is then.
    #[track_caller]
    pub fn wait_for(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let mut last = Last(String::new());
        wait_for(what, LIMIT, || {
            last.0 = self.screen();
            holds(&last.0).then(|| last.0.clone())
        })
    }

    /// Waits until this is on the screen, and returns all of it.
    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        self.wait_for(&format!("`{text}` on the screen"), |screen| screen.contains(text))
    }

    /// Waits until the shell has the screen again.
    #[track_caller]
    pub fn is_given_back(&self) -> String {
        wait_until("the shell's screen", LIMIT, || !self.is_taken());
        self.wait_for("the shell", |screen| screen.trim_end().ends_with(PROMPT.trim_end()))
    }

    #[track_caller]
    fn tmux<Arg: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = Arg>) -> String {
        run(self.command().args(args), LIMIT).success().text()
    }

    /// A server of its own, without anybody's configuration, in UTF-8 wherever it runs.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.tmux);
        command.arg("-S").arg(self.dir.path().join("tmux")).args(["-u", "-f", "/dev/null"]);
        command.env("LC_ALL", "C.UTF-8").env("TERM", "screen").env_remove("TMUX");
        command
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended with its shell.
        let _ = self.command().arg("kill-server").output();
    }
}

/// The screen of the last look: shown if it was waited for in vain.
struct Last(String);

impl Drop for Last {
    #[expect(clippy::print_stderr, reason = "a failing test shows what was on its screen")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the screen\n{}", self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_reads_and_resizes() {
        let terminal = Terminal::open(60, 10);
        terminal.run("echo $((6 * 7)) „ü“");
        terminal.shows("42 „ü“");
        terminal.run("stty size");
        terminal.shows("10 60");
        terminal.resize(100, 30);
        wait_until("the other size", LIMIT, || {
            terminal.run("clear; stty size");
            terminal.screen().contains("30 100")
        });
        assert!(!terminal.is_taken());
    }
}
