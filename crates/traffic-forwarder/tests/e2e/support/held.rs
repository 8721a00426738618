//! One thread of a process, held by strace(1).

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use testkit::{Forwarder, LIMIT, Tool, wait_for, wait_until};

/// Guard: strace holds one thread at an epoll_wait(2) until this is dropped.
pub(crate) struct Held(Child);

impl Held {
    /// Holds the thread of this name from its next wake-up on.
    pub(crate) fn hold(forwarder: &Forwarder, name: &str) -> Self {
        Self::hold_at("delay_exit", forwarder.pid(), name)
    }

    /// Holds the thread of this name before it waits the next time: it then gets all events since
    /// its last wake-up at once.
    pub(crate) fn hold_before_wait(pid: u32, name: &str) -> Self {
        Self::hold_at("delay_enter", pid, name)
    }

    fn hold_at(delay: &str, pid: u32, name: &str) -> Self {
        const WAITS: &str = "epoll_wait,epoll_pwait,epoll_pwait2";
        let thread = thread_id(pid, name);
        let delay = format!("inject={WAITS}:{delay}=1000000000");
        let mut command = Tool::find("strace").command();
        command.args(["-qq", "-p", &thread, "-e", &format!("trace={WAITS}"), "-e", &delay]);
        let mut strace = command.stderr(Stdio::null()).spawn().unwrap();
        wait_until("strace to attach", LIMIT, || {
            assert_eq!(strace.try_wait().unwrap(), None, "strace cannot attach: run as root");
            let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap();
            !status.contains("TracerPid:\t0\n")
        });
        Self(strace)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Killing the tracer releases the thread.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn thread_id(pid: u32, name: &str) -> String {
    let tasks = format!("/proc/{pid}/task");
    let is_it = |task: &PathBuf| {
        fs::read_to_string(task.join("comm")).is_ok_and(|found| found.trim_end() == name)
    };
    let task = wait_for(name, LIMIT, || {
        fs::read_dir(&tasks).unwrap().map(|entry| entry.unwrap().path()).find(is_it)
    });
    task.file_name().unwrap().to_str().unwrap().to_owned()
}
