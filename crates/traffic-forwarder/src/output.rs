//! Standard output and standard error.

use crate::console::screen::Screen;
use crate::console::wrap::folded;
use crate::exit::Exit;
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};

/// Writes text for an operator to standard output, where a terminal breaks no word. A closed pipe is no failure:
/// its reader has seen enough. Any other write error is reported, and fails the command.
pub(crate) fn say(text: &str) -> Exit {
    say_as_is(&fitted(text, Screen::now().width()))
}

/// Like [`say`], for files, and for commands that a terminal shows in order to be copied.
pub(crate) fn say_as_is(text: &str) -> Exit {
    written(print(text))
}

/// Text for a terminal of this many columns; unchanged if it is none: scripts search the lines.
fn fitted(text: &str, width: Option<usize>) -> Cow<'_, str> {
    width.map_or(text.into(), |width| folded(text, width))
}

/// Writes JSON to standard output.
pub(crate) fn say_json(what: &impl Serialize) -> Exit {
    match serde_json::to_string_pretty(what) {
        Ok(json) => say_as_is(&format!("{}\n", plan::escaped_json(&json))),
        Err(error) => {
            warn(&format!("error: encode as JSON: {error}\n"));
            Exit::Failed
        }
    }
}

/// JSON in one line, with the line break.
pub(crate) fn json_line(what: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(what).map(|json| plan::escaped_json(&json) + "\n")
}

/// Writes all of the text to standard output and flushes it.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The exit status after writing to standard output.
pub(crate) fn written(result: io::Result<()>) -> Exit {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let error = flow::error_text(&error);
            warn(&format!("error: write to standard output: {error}\n"));
            Exit::Failed
        }
        _ => Exit::Done,
    }
}

/// Writes to standard error, fitted to a terminal. Errors are ignored: there is nowhere left to report them.
pub(crate) fn warn(text: &str) {
    warn_as_is(&fitted(text, Screen::of_errors().width()));
}

/// Like [`warn`], for JSON: a line break within a string is invalid.
pub(crate) fn warn_as_is(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
