//! What can only be checked when all forwards are known: names, listeners, and targets that are our
//! own listeners.

use std::collections::HashMap;

use crate::address::ListenAddress;
use crate::draft::Draft;
use crate::listeners::{Listeners, Owner};
use crate::plan::{Admin, Forward, Route};
use crate::problem::{Fault, Problems, Severity};
use crate::text::{Spot, quoted};

/// Each listener is an open file; more than this was certainly not meant.
const LISTENERS_MAX: usize = 100_000;

const RANGE_HINT: &str =
    "give both sides ranges of the same size, as in `:9000-9010` to `host:9000-9010`";

/// Compares the drafts, and makes forwards of those that can live together.
pub(crate) fn check(drafts: &[Draft<'_>], admin: &Admin, problems: &mut Problems) -> Vec<Forward> {
    let drafts = within_limit(drafts, problems);
    let mut check = Check {
        drafts,
        problems,
        good: vec![true; drafts.len()],
        listeners: Listeners::default(),
        names: HashMap::with_capacity(drafts.len()),
    };
    check.admin(admin);
    check.each(Check::ranges);
    check.each(Check::listeners);
    check.each(Check::name);
    check.each(Check::target);
    let good = check.good;
    drafts.iter().zip(good).filter(|(_, good)| *good).map(|(draft, _)| forward(draft)).collect()
}

/// The drafts up to the limit of listeners. They are counted before any range is written out, so
/// that a few lines cannot fill the memory.
fn within_limit<'d, 'a>(drafts: &'d [Draft<'a>], problems: &mut Problems) -> &'d [Draft<'a>] {
    let mut total = 0;
    for (index, draft) in drafts.iter().enumerate() {
        total += draft.listens.iter().map(|listen| usize::from(listen.value.count)).sum::<usize>();
        if total > LISTENERS_MAX {
            let message = format!("up to here there are more than {LISTENERS_MAX} listeners");
            problems.push(Severity::Error, &draft.spot, &Fault::new(0..0, message));
            return drafts.get(..index).unwrap_or_default();
        }
    }
    drafts
}

struct Check<'a, 'd> {
    drafts: &'d [Draft<'a>],
    problems: &'d mut Problems,
    /// Which drafts have no problem so far.
    good: Vec<bool>,
    listeners: Listeners,
    names: HashMap<&'d str, Owner>,
}

impl<'a, 'd> Check<'a, 'd> {
    /// A draft with an error is looked at further, for all its problems; a line that is skipped
    /// after a warning is not.
    fn each(&mut self, check: impl Fn(&mut Self, usize, &'d Draft<'a>)) {
        for (index, draft) in self.drafts.iter().enumerate() {
            if draft.severity == Severity::Error || self.is_good(index) {
                check(self, index, draft);
            }
        }
    }

    fn is_good(&self, index: usize) -> bool {
        self.good.get(index).copied().unwrap_or_default()
    }

    /// Comes first: a forward that listens there, or would let everyone in there, is told so.
    fn admin(&mut self, admin: &Admin) {
        let address = match admin {
            Admin::Auto | Admin::Off => return,
            Admin::Unix(path) => ListenAddress::Unix(path.clone()),
            Admin::Tcp { address, .. } => ListenAddress::Ip(*address),
        };
        // Nobody has claimed anything yet.
        let _ = self.listeners.claim(&address, Owner::Admin);
    }

    /// A range of ports needs as many ports in the target.
    fn ranges(&mut self, index: usize, draft: &'d Draft<'a>) {
        let target = draft.target.value.count;
        for listen in &draft.listens {
            let ports = listen.value.count;
            if ports != target {
                let message = format!(
                    "a range maps port by port: here {ports} listening {} {target} in the target",
                    if ports == 1 { "port meets" } else { "ports meet" },
                );
                self.report(index, &listen.spot, message, Some(RANGE_HINT));
            }
        }
    }

    fn listeners(&mut self, index: usize, draft: &'d Draft<'a>) {
        let owner = Owner::Draft(index);
        for listen in &draft.listens {
            let taken = listen.value.each().find_map(|address| {
                self.listeners.claim(&address, owner).err().map(|taken| (address, taken))
            });
            if let Some((address, taken)) = taken {
                let address = quoted(&address.to_string());
                let message = if taken == owner {
                    format!("{address} is listened on twice by this forward")
                } else {
                    format!("{address} is already listened on by {}", self.describe(taken, index))
                };
                self.report(index, &listen.spot, message, None);
            }
        }
    }

    fn name(&mut self, index: usize, draft: &'d Draft<'a>) {
        let owner = Owner::Draft(index);
        let first = *self.names.entry(draft.name.value.as_str()).or_insert(owner);
        // A name made from a listen address that is taken would say the same again.
        if first != owner && (draft.named || self.is_good(index)) {
            let name = quoted(&draft.name.value);
            let message = format!("the name {name} is taken by {}", self.describe(first, index));
            self.report(index, &draft.name.spot, message, None);
        }
    }

    /// A target that is a listener of ours would send every session back to this process.
    fn target(&mut self, index: usize, draft: &'d Draft<'a>) {
        let reached = draft
            .target
            .value
            .each()
            .find_map(|target| self.listeners.reached_by(&target).map(|owner| (target, owner)));
        if let Some((target, owner)) = reached {
            let target = quoted(&target.to_string());
            let message = if owner == Owner::Draft(index) {
                format!("the target {target} is this forward's own listener")
            } else {
                let owner = self.describe(owner, index);
                format!("the target {target} is a listener of this process: {owner}")
            };
            self.report(index, &draft.target.spot, message, None);
        }
    }

    fn describe(&self, owner: Owner, seen_from: usize) -> String {
        let Owner::Draft(owner) = owner else { return "the admin interface".to_owned() };
        let (Some(owner), Some(seen_from)) = (self.drafts.get(owner), self.drafts.get(seen_from))
        else {
            return "another forward".to_owned();
        };
        let place = owner.spot.place();
        let name = quoted(&owner.name.value);
        if place.source == seen_from.spot.place().source && !place.is_command_line() {
            format!("forward {name} (line {})", place.line)
        } else {
            format!("forward {name} ({place})")
        }
    }

    fn report(&mut self, index: usize, spot: &Spot<'a>, message: String, hint: Option<&str>) {
        if let (Some(draft), Some(good)) = (self.drafts.get(index), self.good.get_mut(index)) {
            *good = false;
            let mut fault = Fault::new(0..0, message);
            fault.hint = hint.map(str::to_owned);
            self.problems.push(draft.severity, spot, &fault);
        }
    }
}

fn forward(draft: &Draft<'_>) -> Forward {
    let routes = draft.listens.iter().flat_map(|listen| {
        let pairs = listen.value.each().zip(draft.target.value.each());
        pairs.map(|(listen, target)| Route { listen, target })
    });
    let mut routes: Vec<Route> = routes.collect();
    // They are kept for as long as the process runs, and most forwards have one.
    routes.shrink_to_fit();
    Forward {
        name: draft.name.value.clone(),
        routes,
        settings: draft.settings,
        optional: draft.severity == Severity::Warning,
        place: draft.spot.place(),
    }
}
