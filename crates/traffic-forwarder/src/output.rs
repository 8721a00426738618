//! Standard output and standard error.

use crate::exit::Exit;
use serde::Serialize;
use std::io::{self, Write};

/// Writes to standard output. A closed pipe is no failure: its reader has seen enough. Any other
/// write error is reported, and fails the command.
pub(crate) fn say(text: &str) -> Exit {
    written(print(text))
}

/// Writes JSON to standard output.
pub(crate) fn say_json(what: &impl Serialize) -> Exit {
    match serde_json::to_string_pretty(what) {
        Ok(json) => say(&format!("{json}\n")),
        Err(error) => {
            warn(&format!("error: encode as JSON: {error}\n"));
            Exit::Failed
        }
    }
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

/// Writes to standard error. Errors are ignored: there is nowhere left to report them.
pub(crate) fn warn(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
