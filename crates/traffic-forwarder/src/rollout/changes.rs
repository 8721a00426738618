//! The changes between two published texts, as `plan` prints those of a reload.

use crate::console::changes;
use crate::console::screen::Screen;
use api::{ChangedForward, ForwardSummary};
use plan::PlanDiff;

/// One line per change, and the number of the forwards without one.
pub(crate) fn text(diff: &PlanDiff, screen: &Screen) -> String {
    let changed = diff.changed.iter().map(|forward| ChangedForward {
        name: forward.name.clone(),
        sessions: 0,
        changes: forward.changes.iter().cloned().map(control::change).collect(),
    });
    let changed: Vec<ChangedForward> = changed.collect();
    let [added, removed] = [&diff.added, &diff.removed]
        .map(|forwards| forwards.iter().map(summary).collect::<Vec<ForwardSummary>>());
    changes::of_texts(&added, &changed, &removed, diff.unchanged, screen)
}

fn summary(forward: &plan::ForwardSummary) -> ForwardSummary {
    let plan::ForwardSummary { name, listen, to } = forward.clone();
    ForwardSummary { name, listen, to, sessions: 0 }
}
