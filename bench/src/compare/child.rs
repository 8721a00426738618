//! Our own children: servers and clients of this same program.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::affinity::{Cpus, spawn_on};
use crate::failure::{Context, Failure, Result};

/// How this program is started again.
#[derive(Clone, Debug)]
pub(super) struct Loader<'a> {
    /// Path of this program.
    pub(super) program: &'a Path,
    /// Where its servers and clients run.
    pub(super) cpus: &'a Cpus,
}

/// A child that is killed on `Drop`, unless it has ended.
#[derive(Debug)]
pub(super) struct Held {
    child: Child,
    what: String,
}

impl Loader<'_> {
    /// Starts a server: itself, and where it listens.
    pub(super) fn serve(&self, kind: &str) -> Result<(Held, SocketAddr)> {
        let mut held = self.start(&["serve".to_owned(), kind.to_owned()], None)?;
        let line = held.first_line()?;
        let address = line.strip_prefix("listening ").and_then(|text| text.parse().ok());
        let address = address.ok_or_else(|| Failure::new(format!("serve {kind} said: {line}")))?;
        Ok((held, address))
    }

    /// Runs a client to its end: its result.
    pub(super) fn client(&self, words: &[String], target: SocketAddr) -> Result<Value> {
        self.start(words, Some(target))?.result()
    }

    /// Starts a client whose result is asked for later.
    pub(super) fn start(&self, words: &[String], target: Option<SocketAddr>) -> Result<Held> {
        let mut command = Command::new(self.program);
        command.args(words);
        if let Some(target) = target {
            command.args(["--json", "--target", &target.to_string()]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = spawn_on(self.cpus, &mut command)?;
        Ok(Held { child, what: words.join(" ") })
    }
}

impl Held {
    /// The first line that it says.
    pub(super) fn first_line(&mut self) -> Result<String> {
        let mut line = String::new();
        if let Some(out) = &mut self.child.stdout {
            // The child prints nothing more before the next command, so the buffer holds no further
            // bytes.
            BufReader::new(out).read_line(&mut line).context(&self.what)?;
        }
        if line.is_empty() {
            return Err(Failure::new(format!("{} ended without a word", self.what)));
        }
        Ok(line.trim_end().to_owned())
    }

    /// Waits for its end and its result. Errors of a client are an error here.
    pub(super) fn result(mut self) -> Result<Value> {
        let mut text = String::new();
        if let Some(out) = &mut self.child.stdout {
            out.read_to_string(&mut text).context(&self.what)?;
        }
        let status = self.child.wait().context(&self.what)?;
        let json: Value = serde_json::from_str(&text)
            .map_err(|_| Failure::new(format!("{}: {status}, without a result", self.what)))?;
        if status.success() {
            return Ok(json);
        }
        let details: Vec<_> = ["errors", "unanswered", "undrained"]
            .iter()
            .filter(|key| !json[**key].is_null())
            .map(|key| format!("{key} {}", json[*key]))
            .collect();
        Err(Failure::new(format!("{}: {}", self.what, details.join(", "))))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // An error means that it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
