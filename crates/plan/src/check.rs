//! Checks across forwards: duplicate names, overlapping listeners, and targets that are listeners
//! of this process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use flow::SocketRights;

use crate::address::{ListenAddress, Target};
use crate::check_routes;
use crate::check_tlvs;
use crate::draft::{Draft, DraftRoute, Listen, Located};
use crate::file_mode::FileMode;
use crate::hello_route::HelloRoute;
use crate::listeners::{Listeners, Owner};
use crate::plan::{Forward, Process, Route};
use crate::problem::{Location, ParseError, Problems, Severity};
use crate::target::{TargetEntry, TargetRange};
use crate::text::{Span, quoted};

/// Most listeners in a configuration. Each takes a descriptor; a larger number is a typing error.
pub const LISTENERS_MAX: usize = 100_000;

/// Most targets of a forward. More in a configuration are a typing error; records of names beyond it are left
/// out.
pub const TARGETS_MAX: usize = 1024;

/// Most targets of all listeners together. Each has state of its own, so the number bounds the memory.
const LISTENER_TARGETS_MAX: usize = 1_000_000;

const RANGE_HINT: &str =
    "give both sides ranges of the same size, as in `:9000-9010` to `host:9000-9010`";

const TARGET_RANGE_HINT: &str = "give all targets of a list ranges of the same size";

/// Compares the drafts and returns a forward for each one without a problem.
pub(crate) fn check(
    drafts: &[Draft<'_>],
    process: &Process,
    problems: &mut Problems,
) -> Vec<Forward> {
    let drafts = within_limits(drafts, problems);
    let mut check = PlanCheck {
        drafts,
        problems,
        good: vec![true; drafts.len()],
        listeners: Listeners::default(),
        names: HashMap::with_capacity(drafts.len()),
    };
    check.listeners.claim_of_process(process);
    check.each(PlanCheck::number_of_targets);
    check.each(PlanCheck::ranges);
    check.each(PlanCheck::duplicate_targets);
    check.each(PlanCheck::listeners);
    check.each(PlanCheck::name);
    check.each(PlanCheck::targets);
    check.each(PlanCheck::check_port);
    check.each(PlanCheck::rate);
    check.each(PlanCheck::routes);
    check.each(PlanCheck::tlvs);
    let good = check.good;
    drafts
        .iter()
        .zip(good)
        .filter(|(_, good)| *good)
        .filter_map(|(draft, _)| forward(draft))
        .collect()
}

/// The drafts up to the limits of listeners and of their targets. Ranges are counted before they are
/// expanded, so that a few lines cannot exhaust the memory.
fn within_limits<'d, 'a>(drafts: &'d [Draft<'a>], problems: &mut Problems) -> &'d [Draft<'a>] {
    let (mut listeners, mut targets) = (0usize, 0usize);
    for (index, draft) in drafts.iter().enumerate() {
        let own = draft.listens.iter().map(|listen| usize::from(listen.value.count)).sum::<usize>();
        listeners = listeners.saturating_add(own);
        let own_targets = draft.target_lists().map(<[_]>::len).sum();
        targets = targets.saturating_add(own.saturating_mul(own_targets));
        let (many, of) = if listeners > LISTENERS_MAX {
            (LISTENERS_MAX, "listeners")
        } else if targets > LISTENER_TARGETS_MAX {
            (LISTENER_TARGETS_MAX, "targets, counted for each listener")
        } else {
            continue;
        };
        let message = format!("up to here there are more than {many} {of}");
        problems.push(Severity::Error, &draft.span, &ParseError::new(0..0, message));
        return drafts.get(..index).unwrap_or_default();
    }
    drafts
}

struct PlanCheck<'a, 'd> {
    drafts: &'d [Draft<'a>],
    problems: &'d mut Problems,
    /// Whether each draft is still free of problems.
    good: Vec<bool>,
    listeners: Listeners,
    /// First draft with each name, by index.
    names: HashMap<&'d str, usize>,
}

impl<'a, 'd> PlanCheck<'a, 'd> {
    /// Applies a check to every draft. Drafts with an error get all checks, to report all problems;
    /// a line skipped with a warning gets no further ones.
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

    fn number_of_targets(&mut self, index: usize, draft: &'d Draft<'a>) {
        let beyond = draft.target_lists().filter_map(|list| list.get(TARGETS_MAX));
        for first_beyond in beyond {
            let message =
                format!("a forward has at most {TARGETS_MAX} targets, and this is one more");
            let hint = Some("divide the targets among several forwards");
            self.report(index, &first_beyond.span, message, hint);
        }
    }

    /// Requires ranges of listen ports and target ports to have the same size.
    fn ranges(&mut self, index: usize, draft: &'d Draft<'a>) {
        let targets = Some(&draft.targets).filter(|_| draft.routes.is_empty());
        let Some((first, others)) = targets.and_then(|it| it.split_first()) else { return };
        let target = first.value.address.count;
        for other in others {
            let ports = other.value.address.count;
            if ports != target {
                let message = format!(
                    "a range maps port by port: here {ports} target {} {target} in the first target",
                    if ports == 1 { "port stands beside" } else { "ports stand beside" },
                );
                self.report(index, &other.span, message, Some(TARGET_RANGE_HINT));
            }
        }
        for listen in &draft.listens {
            let ports = listen.value.count;
            if ports != target {
                let message = format!(
                    "a range maps port by port: here {ports} listening {} {target} in the target",
                    if ports == 1 { "port meets" } else { "ports meet" },
                );
                self.report(index, &listen.span, message, Some(RANGE_HINT));
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
                    format!("{address} is already listened on by {}", self.owner(taken, index))
                };
                self.report(index, &listen.span, message, None);
            }
        }
    }

    fn name(&mut self, index: usize, draft: &'d Draft<'a>) {
        let Some(name) = &draft.name else { return };
        let first = *self.names.entry(name.value.as_str()).or_insert(index);
        // The default name is the listen address: a duplicate has been reported already.
        if first != index && (draft.named || self.is_good(index)) {
            let taken = self.drafts.get(first).and_then(|first| first.name.as_ref());
            let location = taken.unwrap_or(name).span.location();
            let owner = self.describe(first, &location, index);
            let message = format!("the name {} is taken by {owner}", quoted(&name.value));
            self.report(index, &name.span, message, None);
        }
    }

    /// Rejects an address that the list has already: its share is its weight.
    fn duplicate_targets(&mut self, index: usize, draft: &'d Draft<'a>) {
        for list in draft.target_lists().filter(|list| list.len() > 1) {
            self.duplicates_in(index, list);
        }
    }

    fn duplicates_in(&mut self, index: usize, list: &'d [Located<'a, TargetRange>]) {
        let mut known: HashMap<Target, &Span<'a>> = HashMap::with_capacity(list.len());
        for target in list {
            let first = match known.entry(target.value.address.first.canonical()) {
                Entry::Vacant(entry) => {
                    entry.insert(&target.span);
                    continue;
                }
                Entry::Occupied(entry) => entry.get().location(),
            };
            let place = if first.is_command_line() {
                String::new()
            } else {
                format!(" (line {}, column {})", first.line, first.column)
            };
            let address = quoted(&target.value.address.to_string());
            let message = format!("the target {address} is already in this list{place}");
            let hint = "leave it out here; a larger share of the sessions is a `weight`";
            self.report(index, &target.span, message, Some(hint));
        }
    }

    /// Rejects a target that is a listener of this process: sessions would loop.
    fn targets(&mut self, index: usize, draft: &'d Draft<'a>) {
        for to in draft.target_lists().flatten() {
            self.target(index, to);
        }
    }

    /// Rejects a check of another port where the target is a Unix socket.
    fn check_port(&mut self, index: usize, draft: &'d Draft<'a>) {
        let has_port = draft.settings.check.as_ref().is_some_and(|check| check.port.is_some());
        let is_unix =
            |to: &&Located<'a, TargetRange>| matches!(to.value.address.first, Target::Unix(_));
        if let Some(to) = draft.target_lists().flatten().filter(|_| has_port).find(is_unix) {
            let target = quoted(&to.value.address.to_string());
            let message = format!("the target {target} has no ports, and the `check` names one");
            let hint = Some("give this forward a `check` without `port`");
            self.report(index, &to.span, message, hint);
        }
    }

    /// Rejects a rate towards a Unix socket: the kernel paces TCP only.
    fn rate(&mut self, index: usize, draft: &'d Draft<'a>) {
        let pacing = draft.settings.pacing();
        let is_unix = |it: &&Listen<'a>| matches!(it.value.first, ListenAddress::Unix(_));
        if let Some(listen) = draft.listens.iter().filter(|_| pacing.down.is_some()).find(is_unix) {
            let message = format!(
                "the kernel limits the rate of TCP only, and `rate` has `down` for the clients of {}",
                quoted(&listen.value.to_string())
            );
            let hint = Some("write `rate = { down = \"off\" }` in this forward");
            self.report(index, &listen.span, message, hint);
        }
        let is_unix =
            |to: &&Located<'a, TargetRange>| matches!(to.value.address.first, Target::Unix(_));
        let targets = draft.target_lists().flatten().filter(|_| pacing.up.is_some());
        if let Some(to) = { targets }.find(is_unix) {
            let message = format!(
                "the kernel limits the rate of TCP only, and `rate` has `up` for the target {}",
                quoted(&to.value.address.to_string())
            );
            let hint = Some("write `rate = { up = \"off\" }` in this forward");
            self.report(index, &to.span, message, hint);
        }
    }

    fn routes(&mut self, index: usize, draft: &'d Draft<'a>) {
        for (span, message, hint) in check_routes::problems(draft) {
            self.report(index, &span, message, Some(hint));
        }
    }

    fn tlvs(&mut self, index: usize, draft: &'d Draft<'a>) {
        for (span, message, hint) in check_tlvs::problems(draft) {
            self.report(index, &span, message.to_owned(), Some(hint));
        }
    }

    fn target(&mut self, index: usize, to: &'d Located<'a, TargetRange>) {
        let reached = to
            .value
            .address
            .each()
            .find_map(|target| self.listeners.reached_by(&target).map(|owner| (target, owner)));
        if let Some((target, owner)) = reached {
            let target = quoted(&target.to_string());
            let (message, hint) = if owner == Owner::Draft(index) {
                let message = format!("the target {target} is this forward's own listener");
                (
                    message,
                    Some(
                        "give the address of another program: a session would connect to this one again",
                    ),
                )
            } else {
                let owner = self.owner(owner, index);
                (format!("the target {target} is a listener of this process: {owner}"), None)
            };
            self.report(index, &to.span, message, hint);
        }
    }

    /// Describes the owner of an address, with the location of its forward.
    fn owner(&self, owner: Owner, seen_from: usize) -> String {
        let Owner::Draft(owner) = owner else {
            return owner.noun().unwrap_or_default().to_owned();
        };
        match self.drafts.get(owner) {
            Some(draft) => self.describe(owner, &draft.span.location(), seen_from),
            None => "another forward".to_owned(),
        }
    }

    /// Describes a forward by its name and a location.
    fn describe(&self, index: usize, location: &Location, seen_from: usize) -> String {
        let (draft, seen_from) = (self.drafts.get(index), self.drafts.get(seen_from));
        let name = draft.and_then(|draft| draft.name.as_ref());
        let forward = name.map_or_else(
            || "another forward".to_owned(),
            |name| format!("forward {}", quoted(&name.value)),
        );
        let is_same_file = seen_from.is_some_and(|it| it.span.location().source == location.source);
        if is_same_file && !location.is_command_line() {
            format!("{forward} (line {})", location.line)
        } else {
            format!("{forward} ({location})")
        }
    }

    fn report(&mut self, index: usize, span: &Span<'a>, message: String, hint: Option<&str>) {
        if let (Some(draft), Some(good)) = (self.drafts.get(index), self.good.get_mut(index)) {
            *good = false;
            let mut error = ParseError::new(0..0, message);
            error.hint = hint.map(str::to_owned);
            self.problems.push(draft.severity, span, &error);
        }
    }
}

/// Converts a draft. `None` if a part is missing, which has been reported.
fn forward(draft: &Draft<'_>) -> Option<Forward> {
    let name = draft.name.as_ref()?;
    if draft.targets.is_empty() && draft.routes.is_empty() {
        return None;
    }
    // A forward without `to` has routes, which have no ranges.
    let ports = draft.targets.first().map_or(1, |target| target.value.address.count);
    let targets: Vec<Arc<[TargetEntry]>> = (0..ports)
        .map(|position| draft.targets.iter().map(|target| target.value.at(position)).collect())
        .collect();
    let routes = draft.listens.iter().flat_map(|listen| {
        let pairs = listen.value.each().zip(&targets);
        pairs.map(|(listen, targets)| Route { listen, targets: Arc::clone(targets) })
    });
    let mut routes: Vec<Route> = routes.collect();
    // Plans live as long as the process, and most forwards have one route.
    routes.shrink_to_fit();
    let mut settings = draft.settings.clone();
    if !draft.has_unix_listener() {
        // Those of `[defaults]` have no effect here.
        (settings.mode, settings.owner, settings.group) = (None, None, None);
    }
    let mode = settings.mode.map(FileMode::bits);
    Some(Forward {
        name: name.value.clone(),
        routes,
        settings,
        hello_routes: draft.routes.iter().map(hello_route).collect(),
        access: None,
        socket_rights: SocketRights { mode, ..SocketRights::AUTO },
        optional: draft.severity == Severity::Warning,
        location: draft.span.location(),
    })
}

fn hello_route(draft: &DraftRoute<'_>) -> HelloRoute {
    let targets = draft.targets.iter().map(|target| target.value.at(0)).collect();
    HelloRoute { rule: draft.rule.clone(), targets }
}
