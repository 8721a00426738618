//! Standard output and standard error.

use crate::exit::Exit;
use serde::Serialize;
use std::io::{self, Write};

/// Writes to standard output. That nobody reads it any more (a closed pipe) is no failure of what
/// was asked for; that it cannot be written is told, and is one.
pub(crate) fn say(text: &str) -> Exit {
    written(print(text))
}

/// Writes to standard output for programs.
pub(crate) fn say_json(what: &impl Serialize) -> Exit {
    match serde_json::to_string_pretty(what) {
        Ok(json) => say(&format!("{json}\n")),
        Err(error) => {
            warn(&format!("error: write it as JSON: {error}\n"));
            Exit::Failed
        }
    }
}

/// Writes to standard output, to the last byte.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// What becomes of the exit when standard output was written to.
pub(crate) fn written(result: io::Result<()>) -> Exit {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            warn(&format!("error: write to standard output: {error}\n"));
            Exit::Failed
        }
        _ => Exit::Done,
    }
}

/// Writes to standard error. There is nowhere to tell that it cannot be written.
pub(crate) fn warn(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
