//! CPU assignment of the programs in a run.

use std::fmt;
use std::process::{Child, Command};
use std::str::FromStr;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::failure::{Context, Result};

/// Some CPUs, by number: `0` or `0,1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cpus(Vec<usize>);

impl Cpus {
    /// All that this thread may use.
    pub(crate) fn all() -> Result<Self> {
        let set = sched_getaffinity(None).context("ask which CPUs may be used")?;
        Ok(Self((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()))
    }
}

impl FromStr for Cpus {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let number = |part: &str| match part.trim().parse() {
            Ok(number) if number < CpuSet::MAX_CPU => Ok(number),
            _ => Err(format!("`{part}` is not the number of a CPU")),
        };
        text.split(',').map(number).collect::<std::result::Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&numbers.join(","))
    }
}

/// CPUs of each program in a run.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// CPUs of the forwarder.
    pub(crate) subject: Cpus,
    /// The load generator and the target.
    pub(crate) load: Cpus,
}

impl Layout {
    /// One CPU: everything on it. More: the forwarder on the first, the load on the others; or
    /// everything on all of them.
    pub(crate) fn of(cpus: &Cpus, together: bool) -> Self {
        match cpus.0.split_first() {
            Some((first, rest)) if !rest.is_empty() && !together => {
                Self { subject: Cpus(vec![*first]), load: Cpus(rest.to_vec()) }
            }
            _ => Self { subject: cpus.clone(), load: cpus.clone() },
        }
    }

    /// How many CPUs are used in all.
    pub(crate) fn is_one_cpu(&self) -> bool {
        self.subject == self.load && self.subject.0.len() == 1
    }
}

/// Starts a program on the given CPUs: a child inherits them from the thread that starts it.
pub(super) fn spawn_on(cpus: &Cpus, command: &mut Command) -> Result<Child> {
    let before = sched_getaffinity(None)?;
    let mut set = CpuSet::new();
    for cpu in &cpus.0 {
        set.set(*cpu);
    }
    sched_setaffinity(None, &set).context(&format!("use CPU {cpus}"))?;
    let child = command.spawn();
    sched_setaffinity(None, &before)?;
    child.context(&format!("start {}", command.get_program().display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_divided() {
        let two: Cpus = "0,1".parse().unwrap();
        assert_eq!(two.to_string(), "0,1");
        assert!("0,x".parse::<Cpus>().is_err());
        assert!("99999".parse::<Cpus>().is_err());
        let apart = Layout::of(&two, false);
        assert_eq!((apart.subject.0, apart.load.0), (vec![0], vec![1]));
        assert!(!Layout::of(&two, true).is_one_cpu());
        assert!(Layout::of(&Cpus(vec![3]), false).is_one_cpu());
    }

    #[test]
    fn a_child_runs_where_it_shall_and_we_where_we_did() {
        let before = sched_getaffinity(None).unwrap();
        let first = (0..CpuSet::MAX_CPU).find(|cpu| before.is_set(*cpu)).unwrap();
        let mut command = Command::new("grep");
        command.args(["Cpus_allowed_list", "/proc/self/status"]);
        command.stdout(std::process::Stdio::piped());
        let child = spawn_on(&Cpus(vec![first]), &mut command).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.split_whitespace().last(), Some(first.to_string().as_str()));
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }
}
