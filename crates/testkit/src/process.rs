//! A child process: its output, its signals and its end.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::lines::Lines;
use crate::wait::{LIMIT, poll, wait_for, wait_until};

/// Handles the signals that this process ignores, as under nohup(1), by doing nothing. A child inherits an ignored
/// signal, and the program under test leaves it ignored; execve(2) resets a handled one.
fn handle_ignored_signals() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        let mask = mask.expect("signal(7): the mask of ignored signals");
        for signal in
            [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::USR1, Signal::USR2]
        {
            let number = signal.as_raw();
            if mask >> (number - 1) & 1 == 1 {
                signal_hook::flag::register(number, Arc::default())
                    .expect("a signal that can be handled");
            }
        }
    });
}

/// Whether each thread of a process is stopped (proc_pid_stat(5)).
fn has_stopped(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("an own child");
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state follows the name in brackets. A traced process has `t`; a thread may have ended.
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['T', 't']))
    })
}

/// A child that is ended on `Drop`, and whose output is shown when the test fails.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    child: Mutex<Child>,
    stdout: Lines,
    stderr: Lines,
    /// How long `Drop` lets it end by itself after a TERM; zero kills it at once.
    grace: Duration,
}

impl Process {
    pub(crate) fn spawn(name: &str, mut command: Command, grace: Duration) -> Self {
        command.stdin(Stdio::null());
        Self::spawn_with_stdin(name, command, grace)
    }

    /// Its stdin is whatever the command has set.
    pub(crate) fn spawn_with_stdin(name: &str, mut command: Command, grace: Duration) -> Self {
        handle_ignored_signals();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let stdout = Lines::collect(child.stdout.take().expect("stdout is piped"));
        let stderr = Lines::collect(child.stderr.take().expect("stderr is piped"));
        let pid = child.id();
        Self { name: name.to_owned(), pid, child: Mutex::new(child), stdout, stderr, grace }
    }

    /// Process id of the child.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// All lines of its stderr so far.
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.all()
    }

    /// All lines of its stdout so far.
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.all()
    }

    /// How many lines of its stderr satisfy `wanted`.
    pub fn count_lines(&self, wanted: impl Fn(&str) -> bool) -> usize {
        self.stderr.count(wanted)
    }

    /// Waits for a line of its stderr, one that is there already included.
    ///
    /// # Panics
    ///
    /// After `timeout`, or when the process ends without such a line.
    #[track_caller]
    pub fn wait_for_line(
        &self,
        what: &str,
        timeout: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> String {
        wait_for(&format!("{what}, from {}", self.name), timeout, || {
            let ended = self.stderr.ended();
            let line = self.stderr.find(&wanted);
            assert!(line.is_some() || !ended, "{} ended without: {what}", self.name);
            line
        })
    }

    /// Sends a signal, if the process is still there. Returns after STOP when each of its threads has stopped: kill(2)
    /// does not wait, and a thread on another CPU would still see what comes next.
    pub fn signal(&self, signal: Signal) {
        // The lock and the missing wait make sure that the PID is still that of this child.
        let mut child = self.lock();
        if matches!(child.try_wait(), Ok(None)) {
            kill_process(Pid::from_child(&child), signal).expect("signal an own child");
            if signal == Signal::STOP {
                wait_until("each thread to stop", LIMIT, || has_stopped(self.pid));
            }
        }
    }

    /// How it ended, if it has.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.lock().try_wait().expect("wait for an own child")
    }

    /// Waits for its end and for the last line of its output.
    ///
    /// # Panics
    ///
    /// After `timeout`.
    #[track_caller]
    pub fn wait_exit(&self, timeout: Duration) -> ExitStatus {
        wait_for(&format!("the end of {}", self.name), timeout, || {
            self.exit_status().filter(|_| self.stderr.ended() && self.stdout.ended())
        })
    }

    fn lock(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        if !self.grace.is_zero() {
            self.signal(Signal::TERM);
            poll(self.grace, || self.exit_status());
        }
        let mut child = self.lock();
        // An error means that it has ended and was waited for.
        let _ = child.kill();
        let _ = child.wait();
    }

    #[expect(clippy::print_stderr, reason = "a failing test shows what its processes said")]
    fn show_output(&self) {
        const LAST: usize = 200;
        poll(Duration::from_secs(1), || self.stderr.ended().then_some(()));
        for (stream, lines) in [("stdout", self.stdout()), ("stderr", self.stderr())] {
            let skipped = lines.len().saturating_sub(LAST);
            eprintln!("--- {stream} of {} ({skipped} lines before these)", self.name);
            for line in &lines[skipped..] {
                eprintln!("{line}");
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            self.show_output();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::LIMIT;

    fn sh(script: &str, grace: Duration) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::spawn("sh", command, grace)
    }

    #[test]
    fn collects_lines_and_the_exit_status() {
        let process = sh("echo out; echo err >&2; exit 3", Duration::ZERO);
        assert_eq!(process.wait_for_line("err", LIMIT, |line| line == "err"), "err");
        assert_eq!(process.wait_exit(LIMIT).code(), Some(3));
        assert_eq!((process.stdout(), process.stderr()), (vec!["out".into()], vec!["err".into()]));
        process.signal(Signal::TERM);
    }

    #[test]
    #[should_panic(expected = "sh ended without: a word")]
    fn does_not_wait_for_the_dead() {
        sh("exit 1", Duration::ZERO).wait_for_line("a word", LIMIT, |_| true);
    }

    #[test]
    fn drop_ends_the_child() {
        for (script, grace) in [
            ("echo up >&2; exec sleep 1000", Duration::ZERO),
            ("trap 'exit 0' TERM; echo up >&2; while :; do sleep 0.05; done", LIMIT),
            ("trap '' TERM; echo up >&2; exec sleep 1000", Duration::from_millis(50)),
        ] {
            let process = sh(script, grace);
            process.wait_for_line("up", LIMIT, |line| line == "up");
            let proc_dir = format!("/proc/{}", process.pid());
            drop(process);
            assert!(!std::path::Path::new(&proc_dir).exists());
        }
    }
}
