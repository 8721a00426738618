//! Counts user-space instructions with callgrind.

use std::env::consts::ARCH;

use testkit::Tool;

use crate::budget::Budget;
use crate::histories::History;
use crate::stage::{OUTPUT, Wrapper, play};
use crate::verdict::{Figure, Verdict};

/// Multiplies the rounds: startup varies by some thousand instructions from run to run, and must
/// stay below one percent.
const TIMES: u32 = 5;

/// Instructions executed by the operations of a history.
pub(crate) struct Instructions {
    count: i64,
    operations: u32,
}

/// Plays a history with few and with many rounds, and returns the difference.
#[track_caller]
pub(crate) fn measure(history: &History) -> Instructions {
    let valgrind: Wrapper = [
        Tool::find("valgrind").path().into(),
        "--tool=callgrind".into(),
        format!("--callgrind-out-file={OUTPUT}").into(),
    ]
    .into();
    let total = |rounds| total(&play(&valgrind, history, rounds * TIMES));
    let count = total(history.rounds + history.more) - total(history.rounds);
    Instructions { count, operations: TIMES * history.more * history.operations }
}

/// Total instructions of a process, from callgrind's output file.
#[track_caller]
fn total(profile: &str) -> i64 {
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.parse().ok()).expect("callgrind's file has the total")
}

impl Instructions {
    /// Compares the count with this architecture's budget.
    pub(crate) fn judge(&self, budget: &Budget) -> Verdict {
        let limit = budget.instructions.get(ARCH).copied();
        let figure = Figure { name: "instructions".to_owned(), count: self.count, limit };
        let hint =
            "to see where: valgrind --tool=callgrind traffic-forwarder -c FILE, with a binary \
                    of `make build profile=1`, and callgrind_annotate"
                .to_owned();
        Verdict { operations: self.operations, figures: vec![figure], hint }
    }
}
