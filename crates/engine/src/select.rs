//! Stage *select*: chooses a target of the set, and takes a place in it for the session's permit. Target
//! sets are read only here and where sessions are restored after an upgrade.

use crate::permit::Permit;
use crate::rule::rule;
use crate::session::{Outcome, Over};
use crate::shared::Shared;
use crate::targets::{Target, TargetSet};
use flow::{By, Candidate, Candidates, Cause, Choice, CloseReason, NoTarget, NoneUp, Phase};
use std::sync::Arc;
use sys::kernel::Kernel;

/// Takes a place in a target that may serve the session. Returns the place in a previously selected
/// target first. If no target has a place, the session is over.
pub(crate) fn select<K: Kernel>(permit: &mut Permit, shared: &Shared<K>) -> Outcome {
    let set = rule(permit.route()).load();
    shared.leave_target(permit);
    // Another worker may take the last place of the selected target first: then select again. Bounded by
    // the number of targets, because other sessions may take and return places indefinitely.
    for _ in 0..set.targets().len() {
        let selected = flow::select(&candidates(&set), Choice::First, NoneUp::Refuse);
        let position = selected.map_err(no_target)?;
        if permit.enter_target(Arc::clone(&set.targets()[position])).is_ok() {
            return Ok(());
        }
    }
    Err(no_target(NoTarget::Full))
}

fn candidates(set: &TargetSet) -> Candidates<impl Fn(usize) -> Candidate> {
    let at = |position: usize| {
        let target = &set.targets()[position];
        Candidate {
            number: target.number,
            is_up: target.is_up(),
            has_room: target.gate.has_room(),
            is_tried: false,
            level: 0,
            weight: 1,
            sessions: target.gate.taken(),
        }
    };
    Candidates { count: set.targets().len(), at, heaviest: 1 }
}

fn no_target(reason: NoTarget) -> Over {
    let (by, cause) = match reason {
        NoTarget::Down => (By::Target, Cause::Unreachable),
        NoTarget::Full => (By::Limit, Cause::OverLimit),
    };
    Over::reset(CloseReason::new(by, Phase::Connect, cause))
}
