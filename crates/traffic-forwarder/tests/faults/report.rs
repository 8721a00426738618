//! The document: a row for each error of each call, with the observed effects.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::table::{Effect, Fault, When};
use crate::trial::Observed;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reliability/faults.md");

const HEAD: &str = "\
# System calls that fail

`cargo xtask faults` writes this page. It runs the program and, with strace, makes one system call of one of
its threads fail: the first, second, third and seventh call since the start was over, and all calls
for 0.8 seconds. Meanwhile seven sessions are played, one after the other: refused by the target, reset by
the target in the middle of its answer, answered after a half-close, and with both lanes flowing at once.
Another session is open all the time.

In every row this held, or the page would not have been written:

- Both ends of every session compared every byte. No wrong byte came, and no clean FIN over missing bytes.
- Every session ended, at the latest by its idle timeout. Each left one record.
- The open session was not disturbed, and the first session after the fault was served.
- All descriptors came back. No thread was busy, neither during the fault nor after it.
- A session that the fault ended has a close reason that names the error.

| Thread | Call | Error | Which calls failed | What became of the sessions |
|---|---|---|---|---|
";

const TAIL: &str = "
Three kinds of faults cannot be injected this way, because strace replaces the call and the kernel never
sees it. close(2) that fails after it has closed would leave the descriptor open. A connect(2) that
was interrupted would go on in the background. And where a call \"would block\" (EAGAIN), the kernel
owes an event that never comes: the table shows the idle timeout as the last resort.
";

/// Writes the document to `path`.
pub(crate) fn write(path: &str, faults: &[Fault], observed: &[Observed]) {
    let mut text = HEAD.to_owned();
    for fault in faults {
        let same = |seen: &&Observed| key(&seen.fault) == key(fault);
        let seen: Vec<_> = observed.iter().filter(same).collect();
        let failed =
            When::ALL.into_iter().filter(|when| seen.iter().any(|seen| seen.failed == Some(*when)));
        let failed: Vec<_> = failed.map(When::word).collect();
        let reasons = seen.iter().flat_map(|seen| &seen.reasons).collect();
        writeln!(text, "{} {} | {} |", key(fault), failed.join(", "), outcome(fault, &reasons))
            .unwrap();
    }
    let path = Path::new(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text + TAIL).unwrap();
}

/// Checks that the document has exactly one row for each fault.
pub(crate) fn check(faults: &[Fault]) {
    let text = fs::read_to_string(DOCUMENT).unwrap();
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), faults.len(), "`cargo xtask faults` writes {DOCUMENT}");
    for (row, fault) in rows.iter().zip(faults) {
        assert!(row.starts_with(&key(fault)), "not the row of {fault:?}: {row}");
    }
}

/// First cells of a fault's row.
fn key(fault: &Fault) -> String {
    format!("| `{}` | `{}` | `{}` |", fault.thread.name(), fault.call, fault.errno)
}

fn outcome(fault: &Fault, reasons: &BTreeSet<&String>) -> String {
    let ended: Vec<_> = reasons.iter().map(|reason| format!("`{reason}`")).collect();
    match (fault.effect, ended.is_empty()) {
        (Effect::LosesLines, _) => "all served; lines of the log are lost".to_owned(),
        (_, true) => "all served".to_owned(),
        (_, false) => format!("those that it hit: {}", ended.join(", ")),
    }
}
