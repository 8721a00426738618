//! The changes between two published texts, as `plan` prints those of a reload.

use crate::console::changes;
use crate::console::screen::Screen;
use api::{Change, ChangedForward, ForwardSummary};
use plan::{Effect, PlanDiff};

/// One line per change, and the number of the forwards without one.
pub(crate) fn text(diff: &PlanDiff, screen: &Screen) -> String {
    let changed = diff.changed.iter().map(|forward| ChangedForward {
        name: forward.name.clone(),
        sessions: 0,
        changes: forward.changes.iter().map(change).collect(),
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

fn change(change: &plan::Change) -> Change {
    let plan::Change { key, old, new, parts, effect, .. } = change.clone();
    let effect = match effect {
        Effect::AtOnce => api::Effect::Process,
        Effect::LivingSessions => api::Effect::AllSessions,
        Effect::NewSessions | Effect::Identity => api::Effect::NewSessions,
        Effect::Restart => api::Effect::Restart,
    };
    Change { section: None, key: key.to_owned(), old, new, parts, effect: effect.into() }
}
