//! The real binary, running.

use std::ffi::OsString;
use std::fs;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::Process;
use crate::record::SessionRecord;
use crate::tool::{Finished, run};
use crate::wait::{LIMIT, wait_until};

/// The text that marks a session record before it is parsed.
const RECORD: &str = "session ended";

/// A running forwarder in its own directory. Signals, output, end and use of resources are those of
/// its [`Process`]. It is killed on `Drop`.
#[derive(Debug)]
pub struct Forwarder {
    process: Process,
    dir: TempDir,
}

/// How a forwarder shall be started.
#[derive(Debug)]
pub struct ForwarderBuilder {
    binary: PathBuf,
    args: Vec<OsString>,
    config: Option<String>,
    env: Vec<(OsString, OsString)>,
    open_files: Option<u64>,
    given: Option<(String, OwnedFd)>,
}

impl Forwarder {
    /// The binary at this path, for example `env!("CARGO_BIN_EXE_traffic-forwarder")`.
    pub fn binary(binary: impl Into<PathBuf>) -> ForwarderBuilder {
        ForwarderBuilder {
            binary: binary.into(),
            args: Vec::new(),
            config: None,
            env: Vec::new(),
            open_files: None,
            given: None,
        }
    }

    /// Waits for the log line whose message is `ready`, in JSON or in text.
    #[track_caller]
    pub fn ready(&self) -> &Self {
        self.wait_for_message("ready");
        self
    }

    /// Waits for a log line with this message, in JSON, or else at the end of a line of text or
    /// before its fields.
    #[track_caller]
    pub fn wait_for_message(&self, message: &str) -> String {
        self.wait_for_line(message, LIMIT, |line| has_message(line, message))
    }

    /// The session records so far.
    pub fn records(&self) -> Vec<SessionRecord> {
        self.stderr().iter().filter_map(|line| SessionRecord::parse(line)).collect()
    }

    /// Waits until there are `n` session records. More than `n` are a failure.
    #[track_caller]
    pub fn wait_for_records(&self, n: usize) -> Vec<SessionRecord> {
        let enough = || self.count_lines(|line| line.contains(RECORD)) >= n;
        wait_until(&format!("{n} session records"), LIMIT, enough);
        let records = self.records();
        assert_eq!(records.len(), n, "number of session records");
        records
    }

    /// Its directory: working directory and `$XDG_RUNTIME_DIR`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Path of its configuration file.
    pub fn config_path(&self) -> PathBuf {
        config_path(&self.dir)
    }

    /// Replaces its configuration file, as one rename; then reload it.
    pub fn write_config(&self, text: &str) {
        write_config(&self.dir, text);
    }
}

impl Deref for Forwarder {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl ForwarderBuilder {
    /// Adds one command-line argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several command-line arguments.
    #[must_use]
    pub fn args<Arg: Into<OsString>>(mut self, args: impl IntoIterator<Item = Arg>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Has another program start it: one that takes the binary and its arguments after these.
    #[must_use]
    pub fn through<Arg: Into<OsString>>(
        mut self,
        program: impl Into<PathBuf>,
        args: impl IntoIterator<Item = Arg>,
    ) -> Self {
        let binary = std::mem::replace(&mut self.binary, program.into());
        let before = args.into_iter().map(Into::into).chain([binary.into()]);
        self.args.splice(0..0, before);
        self
    }

    /// Writes a configuration file and adds `-c FILE` after the other arguments.
    #[must_use]
    pub fn config(mut self, text: impl Into<String>) -> Self {
        self.config = Some(text.into());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets `RLIMIT_NOFILE`, soft and hard.
    #[must_use]
    pub fn open_files(mut self, limit: u64) -> Self {
        self.open_files = Some(limit);
        self
    }

    /// Gives it a descriptor under this name, as a service manager does (sd_listen_fds(3)).
    #[must_use]
    pub fn given(mut self, name: impl Into<String>, descriptor: OwnedFd) -> Self {
        self.given = Some((name.into(), descriptor));
        self
    }

    /// Starts it and does not wait for anything.
    pub fn start(self) -> Forwarder {
        let dir = TempDir::new().expect("a temporary directory");
        let mut command = self.command(&dir);
        command.stdin(self.given.map_or_else(Stdio::null, |(_, given)| given.into()));
        let process = Process::spawn_with_stdin("the forwarder", command, Duration::ZERO);
        Forwarder { process, dir }
    }

    /// Runs a command that ends by itself, like `check`.
    #[track_caller]
    pub fn run(self) -> Finished {
        let dir = TempDir::new().expect("a temporary directory");
        run(self.command(&dir).stdin(Stdio::null()), LIMIT)
    }

    fn command(&self, dir: &TempDir) -> Command {
        let mut command = match self.preparation() {
            None => Command::new(&self.binary),
            Some(preparation) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!(r#"{preparation} && exec "$0" "$@""#)]);
                shell.arg(&self.binary);
                shell
            }
        };
        command.args(&self.args).current_dir(dir.path()).env("XDG_RUNTIME_DIR", dir.path());
        if let Some((name, _)) = &self.given {
            command.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", name);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(text) = &self.config {
            write_config(dir, text);
            command.arg("-c").arg(config_path(dir));
        }
        command
    }

    /// What a shell has to do before it becomes the program.
    fn preparation(&self) -> Option<String> {
        let limit = self.open_files.map(|limit| format!("ulimit -n {limit}"));
        // The first descriptor that is given has the number 3.
        let given = self.given.as_ref().map(|_| "exec 3<&0 </dev/null && export LISTEN_PID=$$");
        let steps: Vec<_> = limit.into_iter().chain(given.map(str::to_owned)).collect();
        (!steps.is_empty()).then(|| steps.join(" && "))
    }
}

fn config_path(dir: &TempDir) -> PathBuf {
    dir.path().join("forwarder.conf")
}

fn write_config(dir: &TempDir, text: &str) {
    let new = dir.path().join("forwarder.conf.new");
    fs::write(&new, text).expect("write into an own directory");
    fs::rename(&new, config_path(dir)).expect("rename in an own directory");
}

fn has_message(line: &str, message: &str) -> bool {
    match serde_json::from_str::<Value>(line) {
        Ok(json) => json["message"] == message,
        Err(_) => format!("{line} ").contains(&format!(" {message} ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Signal;

    /// A stand-in for the binary: says what the real one says.
    fn stand_in(script: &str) -> ForwarderBuilder {
        Forwarder::binary("/bin/sh").args(["-c", script])
    }

    const READY: &str = r#"echo '{"message":"ready"}' >&2; "#;

    #[test]
    fn is_ready_and_takes_signals() {
        let script = format!("trap 'exit 7' TERM; {READY} while :; do sleep 0.02; done");
        let forwarder = stand_in(&script).start();
        forwarder.ready().signal(Signal::TERM);
        assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(7));
    }

    #[test]
    fn is_started_through_another_program() {
        let script = r#"exec "$0" "$@" && echo lost"#;
        let builder = Forwarder::binary("echo").arg("a").through("sh", ["-c", script]);
        assert_eq!(builder.arg("b").run().success().text(), "a b\n");
    }

    #[test]
    fn passes_arguments_environment_and_configuration() {
        let script = r#"echo "$A,$0,$1,$(cat "$2"),$(pwd)/forwarder.conf,$2""#;
        let builder = stand_in(script).arg("x").env("A", "a b").config("text");
        let output = builder.run().success().text();
        let fields: Vec<_> = output.trim_end().split(',').collect();
        assert_eq!(fields[..4], ["a b", "x", "-c", "text"]);
        assert_eq!(fields[4], fields[5]);
    }

    #[test]
    fn limits_open_files_and_keeps_the_pid() {
        let script = format!("{READY} ulimit -Sn >&2; ulimit -Hn >&2; echo $$ >&2");
        let forwarder = stand_in(&script).open_files(33).start();
        forwarder.wait_exit(LIMIT);
        assert_eq!(forwarder.stderr()[1..], ["33", "33", &forwarder.pid().to_string()]);
    }

    #[test]
    fn collects_records_among_other_lines() {
        let record = r#"{"message":"session ended","id":1,"forward":"f","client":"c",
            "listener":"l","started":"s","duration":0,"bytes_up":1,"bytes_down":2,
            "stalled_up":0,"stalled_down":0,"verdict":"ok",
            "fallback_up":"none","fallback_down":"none",
            "close":{"by":"client","phase":"relay","cause":"fin"}}"#;
        let script =
            format!("{READY} for i in 1 2 3; do echo '{}' >&2; done", record.replace('\n', ""));
        let forwarder = stand_in(&script).start();
        let records = forwarder.wait_for_records(3);
        assert!(records.iter().all(|record| record.close_reason() == "client/relay/fin"));
    }

    #[test]
    fn finds_a_message_in_either_format() {
        assert!(has_message(r#"{"message":"ready","sessions":1}"#, "ready"));
        assert!(has_message("12:00 INFO ready", "ready"));
        assert!(has_message("12:00 INFO ready sessions=1", "ready"));
        assert!(!has_message("12:00 INFO already", "ready"));
        assert!(!has_message(r#"{"message":"not ready"}"#, "ready"));
    }
}
