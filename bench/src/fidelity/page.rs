//! The observations as a page.

use std::fmt::Write;

use testkit::cases::{Case, Owed, Seen, View};

use super::entrant::Entrant;
use super::trial::Trial;
use crate::failure::Result;

/// A client's and a target's view are named by these.
const ENDS: [&str; 2] = ["client", "target"];

/// The page. Writing to a string does not fail: the results of `write!` are of no interest.
pub(super) fn write(
    cases: &[&'static Case],
    columns: &[(&Entrant, Vec<Trial>)],
    missing: &[(String, String)],
) -> String {
    let mut page = String::from(HEAD);
    page.push_str("| subject | version | note |\n|---|---|---|\n");
    for subject in columns.iter().filter_map(|(entrant, _)| entrant.subject.as_ref()) {
        let (adapter, version) = (&subject.adapter, &subject.version);
        let _ = writeln!(page, "| {} | {version} | {} |", adapter.name, adapter.note);
    }
    for (name, package) in missing {
        let _ = write!(page, "\n{name} was not found; to see it here, install {package}.\n");
    }
    page.push_str("\n| what happens | owed |");
    for (entrant, _) in columns {
        let _ = write!(page, " {} |", entrant.name);
    }
    let _ = write!(page, "\n|---|---|{}\n", "---|".repeat(columns.len()));
    for (row, case) in cases.iter().enumerate() {
        let _ = write!(page, "| {} | {} |", case.what, owed(case));
        for (_, trials) in columns {
            let _ = write!(page, " {} |", cell(&trials[row]));
        }
        page.push('\n');
    }
    let _ = write!(page, "| **as owed** | {} |", cases.len());
    for (_, trials) in columns {
        let _ = write!(page, " {} |", trials.iter().filter(|trial| trial.is_kept()).count());
    }
    page.push('\n');
    page
}

const HEAD: &str = "\
# What forwarders do with the ends of a connection

Written by `cargo xtask fidelity`; nothing in it is typed by hand. A client and a target play a script each
(`crates/testkit/src/cases`), with a forwarder between them, and note what they see: how many bytes,
whether these are the right ones, and whether a FIN or an RST comes after them. The end-to-end tests
play the same cases through our forwarder (`crates/traffic-forwarder/tests/e2e/fidelity`).

*Owed* is what a client and a target would see if nobody stood between them; but a forwarder has
accepted before it knows that nobody listens, and it cannot pass on which byte was urgent, so it keeps
that byte in its place. *RST* includes a write that fails because of one; *no end* means that nothing
came for seven seconds. In a cell, ✓ means that both ends saw exactly what they are owed, every time;
otherwise it says what was seen in place of that, by whom, and how often if not every time: *a part*
is fewer bytes than owed, but not none. *direct* is no forwarder at all. The two resets in the middle of
bulk are played 400 times: which call of a forwarder meets the error first is a race.

The forwarders have the configurations of `bench/peers` and `bench/ours.toml`, which are made for
speed; some of them can be told to do otherwise (socat, for one, to wait longer than half a second
for the other direction). Connecting is limited to five seconds where a forwarder has such a limit,
which HAProxy means for each of four attempts.

";

fn owed(case: &Case) -> String {
    let owed = [case.client, case.target];
    let words = ENDS.iter().zip(owed).filter_map(|(end, owed)| Some(format!("{end}: {}", owed?)));
    words.collect::<Vec<_>>().join("<br>")
}

/// One line per distinct observation.
fn cell(trial: &Trial) -> String {
    let all = trial.outcomes.len();
    let mut counted: Vec<(String, usize)> = Vec::new();
    for outcome in &trial.outcomes {
        let words = words(trial.case, outcome);
        match counted.iter_mut().find(|(known, _)| *known == words) {
            Some((_, count)) => *count += 1,
            None => counted.push((words, 1)),
        }
    }
    let lines = counted.iter().map(|(words, count)| match count {
        count if *count == all => words.clone(),
        count => format!("{words} ({count} of {all})"),
    });
    lines.collect::<Vec<_>>().join("<br>")
}

fn words(case: &Case, outcome: &Result<Seen>) -> String {
    let seen = match outcome {
        Ok(seen) if case.is_kept_by(seen) => return "✓".to_owned(),
        Ok(seen) => seen,
        Err(failure) => return failure.to_string().replace(['\n', '|'], " "),
    };
    let views = [(case.client, &seen.client), (case.target, &seen.target)];
    let differs = |(owed, view): (Option<Owed>, &Option<View>)| {
        let (owed, view) = (owed?, view.as_ref()?);
        (!owed.is_kept_by(view)).then(|| owed.compare(view))
    };
    let words = ENDS.iter().zip(views.map(differs));
    let words = words.filter_map(|(end, words)| Some(format!("{end}: {}", words?)));
    words.collect::<Vec<_>>().join("<br>")
}
