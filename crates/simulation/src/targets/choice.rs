//! The rules of `balance`, for a session that may get one of several targets.

use super::set::Candidate;
use flow::Balance;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Most choices of one client that are kept.
const MOST_KEPT: usize = 64;

/// A client, as `balance = "source"` knows it; `None` for all clients of Unix sockets.
pub(super) type Client = Option<IpAddr>;

/// The weights of the eligible targets, by their addresses.
type Weights = BTreeMap<String, u32>;

/// The choices of `source` so far, of all forwards: what a client gets depends on nothing else than its
/// address and the targets.
#[derive(Debug, Default)]
pub(super) struct SourceChoices(BTreeMap<Client, Vec<(Weights, String)>>);

/// The choices of `round_robin` among the same targets.
#[derive(Debug, Default)]
pub(super) struct Turns {
    weights: Weights,
    /// The turns began with the first of these choices.
    is_from_start: bool,
    counts: BTreeMap<String, u32>,
}

fn weights(eligible: &[&Candidate]) -> Weights {
    eligible.iter().map(|it| (it.member.text.clone(), it.member.weight)).collect()
}

impl Turns {
    /// The turns of a new set.
    pub(super) fn new() -> Self {
        Self { is_from_start: true, ..Self::default() }
    }

    /// Something unknown has taken turns.
    pub(super) fn disturb(&mut self) {
        *self = Self::default();
    }

    /// No target gets a session more than one turn early or late. `all` is the sum of the weights of the
    /// set: targets that were not eligible before may have turns left.
    pub(super) fn note(&mut self, eligible: &[&Candidate], all: u32, chosen: &Candidate) {
        let weights = weights(eligible);
        if weights != self.weights {
            let is_from_start = self.is_from_start && self.counts.is_empty();
            *self = Self { weights, is_from_start, counts: BTreeMap::new() };
        }
        *self.counts.entry(chosen.member.text.clone()).or_default() += 1;
        let number: u32 = self.counts.values().sum();
        let total: u32 = self.weights.values().sum();
        let slack = if self.is_from_start { total } else { 2 * all };
        for (target, weight) in &self.weights {
            let count = self.counts.get(target).copied().unwrap_or(0);
            assert!(
                (number * weight).abs_diff(count * total) < slack,
                "round_robin: {target} with weight {weight} of {total} got {count} of {number} sessions"
            );
        }
    }
}

impl SourceChoices {
    /// A client stays with its target while that is eligible.
    fn note(&mut self, client: Client, eligible: &[&Candidate], chosen: &Candidate) {
        let weights = weights(eligible);
        let chosen = &chosen.member.text;
        let known = self.0.entry(client).or_default();
        for (before, was) in known.iter() {
            let was_possible = [was, chosen]
                .iter()
                .all(|it| before.get(*it).is_some_and(|weight| weights.get(*it) == Some(weight)));
            assert!(
                was == chosen || !was_possible,
                "source: the client {client:?} has left {was}, which is eligible, for {chosen}"
            );
        }
        if known.len() < MOST_KEPT {
            known.push((weights, chosen.clone()));
        }
    }
}

/// Checks the choice of one of `eligible` targets. [`Turns::note`] has the rule of `round_robin`.
pub(super) fn check(
    balance: Balance,
    eligible: &[&Candidate],
    chosen: &Candidate,
    client: Client,
    source: &mut SourceChoices,
) {
    match balance {
        Balance::Least => least(eligible, chosen),
        Balance::RoundRobin => {}
        Balance::Source => source.note(client, eligible, chosen),
        Balance::First => assert_eq!(
            eligible.first().map(|it| &it.member.text),
            Some(&chosen.member.text),
            "first: a target before it is eligible"
        ),
    }
}

/// The emptier of two different ones: another one is at least as full.
fn least(eligible: &[&Candidate], chosen: &Candidate) {
    let load =
        |of: &Candidate, per: &Candidate| u64::from(of.sessions + 1) * u64::from(per.member.weight);
    let is_other = |it: &&&Candidate| it.member.text != chosen.member.text;
    let mut others = eligible.iter().filter(is_other).peekable();
    let is_only = others.peek().is_none();
    assert!(
        is_only || others.any(|other| load(chosen, other) <= load(other, chosen)),
        "least: {} with {} sessions is the fullest of {eligible:?}",
        chosen.member.text,
        chosen.sessions
    );
}
