//! Counts system calls with strace.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Once;

use testkit::{LIMIT, Tool, run};

use crate::budget::Budget;
use crate::histories::History;
use crate::stage::{OUTPUT, Wrapper, play};
use crate::verdict::{Figure, Verdict};

/// Trailing lines of the trace printed on failure.
const SHOWN: usize = 60;

/// System calls made by the operations of a history.
pub(crate) struct Calls {
    by_name: BTreeMap<String, i64>,
    operations: u32,
    /// Last lines of the trace.
    last: String,
}

/// Plays a history with few and with many rounds, and returns the difference.
#[track_caller]
pub(crate) fn measure(history: &History) -> Calls {
    let strace = strace();
    let trace = |rounds| {
        let trace = play(&strace, history, rounds);
        let (counted, _) = trace.split_once("--- SIGTERM").expect("the trace has the signal");
        counted.to_owned()
    };
    let (short, long) = (trace(history.rounds), trace(history.rounds + history.more));
    let (less, more) = (count(&short), count(&long));
    let names: BTreeSet<_> = less.keys().chain(more.keys()).copied().collect();
    let difference = |name: &str| {
        let of = |counts: &BTreeMap<&str, i64>| counts.get(name).copied().unwrap_or_default();
        (name.to_owned(), of(&more) - of(&less))
    };
    let lines: Vec<_> = long.lines().collect();
    Calls {
        by_name: names.into_iter().map(difference).collect(),
        operations: history.more * history.operations,
        last: lines[lines.len().saturating_sub(SHOWN)..].join("\n"),
    }
}

/// The strace command line; panics if ptrace(2) is not permitted.
fn strace() -> Wrapper {
    static MAY_TRACE: Once = Once::new();
    let strace = Tool::find("strace");
    MAY_TRACE.call_once(|| {
        let traced = run(strace.command().args(["-f", "-o", "/dev/null", "true"]), LIMIT);
        assert!(
            traced.status.success(),
            "strace cannot trace here: allow ptrace(2), in a container for example with \
             --cap-add=SYS_PTRACE: {traced}"
        );
    });
    // -D: the tracer is no parent, so signals and the PID are the forwarder's.
    let arguments = ["-D", "-f", "-qq", "-s", "0", "-o", OUTPUT].map(Into::into);
    [strace.path().into()].into_iter().chain(arguments).collect()
}

/// Calls of all threads, by name. Each line of the trace starts with a PID.
fn count(trace: &str) -> BTreeMap<&str, i64> {
    let mut counts = BTreeMap::new();
    for line in trace.lines() {
        let (_, event) = line.split_once(' ').unwrap_or_default();
        // A call interleaved with another thread's has a second line, `<... NAME resumed>`;
        // signals are `--- NAME`.
        let Some((name, _)) = event.trim_start().split_once('(') else { continue };
        if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            *counts.entry(one_name(name)).or_default() += 1;
        }
    }
    counts
}

/// Maps variants of a call, which depend on architecture and libraries, to one name.
fn one_name(name: &str) -> &str {
    match name {
        "epoll_pwait" | "epoll_pwait2" => "epoll_wait",
        _ => name,
    }
}

impl Calls {
    /// Compares the counts with a budget.
    pub(crate) fn judge(&self, budget: &Budget) -> Verdict {
        let figure = |name: &str, count, limit| {
            let (name, limit) = (name.to_owned(), Some(limit));
            Figure { name, count, limit }
        };
        let of = |name: &String| self.by_name.get(name).copied().unwrap_or_default();
        let limited = budget.calls.iter().map(|(name, limit)| figure(name, of(name), *limit));
        let others = self
            .by_name
            .iter()
            .filter(|(name, count)| **count != 0 && !budget.calls.contains_key(*name));
        let others = others.map(|(name, count)| figure(name, *count, budget.other));
        let mut figures: Vec<_> = limited.chain(others).collect();
        if let Some(limit) = budget.all {
            figures.push(figure("all", self.by_name.values().sum(), limit));
        }
        let hint = format!(
            "to see the calls: strace -f -o trace.txt traffic-forwarder -c FILE\n\
             the last {SHOWN} before the end:\n{}",
            self.last
        );
        Verdict { operations: self.operations, figures, hint }
    }
}

#[test]
fn each_call_is_counted_once() {
    let trace = "7 epoll_pwait(3, [], 256, 0, NULL, 8) = 0\n\
                 7 recvfrom(9,  <unfinished ...>\n\
                 8 write(2, \"\"..., 5) = 5\n\
                 7 <... recvfrom resumed>\"\"..., 65536, 0, NULL, NULL) = 64\n\
                 7 --- SIGUSR1 {si_signo=SIGUSR1} ---\n";
    assert_eq!(count(trace), BTreeMap::from([("epoll_wait", 1), ("recvfrom", 1), ("write", 1)]));
}
