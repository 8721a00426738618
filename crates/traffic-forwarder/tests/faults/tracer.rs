//! strace, attached to one thread of the forwarder after startup: it counts that thread's calls
//! only.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use tempfile::NamedTempFile;
use testkit::{Forwarder, LIMIT, Tool, wait_for, wait_until};

use crate::table::{Fault, When};

/// Makes calls fail until detached or dropped.
pub(crate) struct Tracer {
    strace: Child,
    log: NamedTempFile,
}

impl Tracer {
    pub(crate) fn attach(forwarder: &Forwarder, fault: &Fault, when: When) -> Self {
        let Fault { call, errno, thread, .. } = fault;
        let thread = thread_id(forwarder, thread.name());
        let log = NamedTempFile::new().unwrap();
        let inject = format!("inject={call}:error={errno}:when={}", when.expression());
        let mut command = Tool::find("strace").command();
        command.args(["-qq", "-p", &thread, "-e", &format!("trace={call}"), "-e", &inject, "-o"]);
        let mut strace = command.arg(log.path()).stderr(Stdio::inherit()).spawn().unwrap();
        wait_until("strace to attach", LIMIT, || {
            let ended = strace.try_wait().unwrap();
            assert_eq!(ended, None, "strace cannot attach: run as root, or see ptrace(2), yama");
            is_traced(&thread)
        });
        Self { strace, log }
    }

    /// Stops the injection, and returns the number of failed calls.
    pub(crate) fn detach(mut self) -> usize {
        self.end();
        self.injected()
    }

    /// Number of calls that have failed so far.
    pub(crate) fn injected(&self) -> usize {
        let log = fs::read_to_string(self.log.path()).unwrap();
        log.matches("(INJECTED)").count()
    }

    /// Terminates strace, which detaches; the thread continues.
    fn end(&mut self) {
        let pid = self.strace.id().to_string();
        Tool::find("sh").run(["-c", "kill -TERM $0", &pid], LIMIT);
        self.strace.wait().unwrap();
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // Killing the tracer detaches it, too.
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}

fn thread_id(forwarder: &Forwarder, name: &str) -> String {
    let tasks = format!("/proc/{}/task", forwarder.pid());
    let is_it = |task: &PathBuf| {
        fs::read_to_string(task.join("comm")).is_ok_and(|found| found.trim_end() == name)
    };
    // A thread sets its name shortly after its start.
    let task = wait_for(&format!("a thread {name}"), LIMIT, || {
        fs::read_dir(&tasks).unwrap().map(|entry| entry.unwrap().path()).find(is_it)
    });
    task.file_name().unwrap().to_str().unwrap().to_owned()
}

fn is_traced(thread: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|pid| pid.trim() != "0")
}
