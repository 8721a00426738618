//! Resources of a process, from `/proc`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::process::Process;

/// Clock ticks per second in `/proc/PID/stat`: part of the kernel's ABI.
const USER_HZ: u32 = 100;

/// Raises the test's own soft limit of open files to the hard one and returns it: for tests that hold
/// thousands of clients and targets. Children started later inherit it.
pub fn raise_open_files() -> u64 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    setrlimit(Resource::Nofile, raised).expect("a soft limit may grow to the hard one");
    maximum.unwrap_or(u64::MAX)
}

impl Process {
    /// How many file descriptors it has open.
    pub fn fd_count(&self) -> usize {
        self.entries("fd").count()
    }

    /// What its file descriptors are, for example `socket:[1234]`.
    pub fn fds(&self) -> Vec<PathBuf> {
        // One that is closed meanwhile is not there any more.
        self.entries("fd").filter_map(|path| fs::read_link(path).ok()).collect()
    }

    /// Resident memory in bytes.
    pub fn rss_bytes(&self) -> u64 {
        self.status("VmRSS") * 1024
    }

    /// Its user memory: the resident part that no file backs.
    pub fn rss_anon_bytes(&self) -> u64 {
        self.status("RssAnon") * 1024
    }

    /// The most memory that it has ever had resident, in bytes.
    pub fn peak_rss_bytes(&self) -> u64 {
        self.status("VmHWM") * 1024
    }

    /// How many threads it has.
    pub fn threads(&self) -> u64 {
        self.status("Threads")
    }

    /// Whether all of its threads sleep, and so wait for something from outside.
    pub fn is_asleep(&self) -> bool {
        self.entries("task").all(|thread| {
            // A thread that ends meanwhile was not asleep.
            let stat = fs::read_to_string(thread.join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('S'))
        })
    }

    /// The CPU time that it has used, user and system, in steps of 10 ms.
    pub fn cpu_time(&self) -> Duration {
        /// `utime` and `stime`, counted from the field after the name in parentheses.
        const TIMES: std::ops::Range<usize> = 11..13;
        let stat = self.read("stat");
        let (_, fields) = stat.rsplit_once(") ").expect("the name of a process ends so");
        let fields: Vec<_> = fields.split(' ').collect();
        let ticks = fields[TIMES].iter().map(|ticks| ticks.parse::<u32>().expect("a number"));
        Duration::from_secs(1) * ticks.sum::<u32>() / USER_HZ
    }

    fn status(&self, name: &str) -> u64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let value = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        value.unwrap_or_else(|| panic!("process {} has no {name}; has it ended?", self.pid()))
    }

    fn read(&self, file: &str) -> String {
        let path = self.proc(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn entries(&self, dir: &str) -> impl Iterator<Item = PathBuf> {
        let path = self.proc(dir);
        let entries = fs::read_dir(&path);
        let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        entries.filter_map(|entry| Some(entry.ok()?.path()))
    }

    fn proc(&self, entry: &str) -> PathBuf {
        format!("/proc/{}/{entry}", self.pid()).into()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::wait::{LIMIT, wait_until};

    #[test]
    fn open_files_can_be_raised() {
        let limit = raise_open_files();
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), limit);
    }

    #[test]
    fn measures_a_process() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo up >&2; while :; do :; done"]);
        let process = Process::spawn("a busy shell", command, Duration::ZERO);
        process.wait_for_line("up", LIMIT, |line| line == "up");
        // It may have inherited more than the three.
        assert!(process.fd_count() >= 3);
        assert_eq!(process.fds().len(), process.fd_count());
        assert!(process.fds().iter().any(|fd| fd.starts_with("/dev/null")));
        assert_eq!(process.threads(), 1);
        assert!((4096..process.rss_bytes()).contains(&process.rss_anon_bytes()));
        assert!(!process.is_asleep());
        wait_until("CPU time", LIMIT, || process.cpu_time() >= Duration::from_millis(50));
    }
}
