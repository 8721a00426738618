//! Chooses lists, headers and routes, and the bytes with which clients begin.

use super::addresses::STATED;
use super::admission::{AcceptProxy, Admission, HelloRoute, NAMES_ASKED, PROTOCOLS, RULES};
use super::configuration::{Configuration, Forward};
use super::event::Act;
use super::family::{self, targets};
use super::net::Net;
use super::opening::{Flaw, Form, Header, Hello, Opening};
use super::targets::Target;
use crate::random::Choices;
use flow::SendProxy;
use std::time::Duration;

/// Prefixes of lists: of clients here, and of those that headers state.
const NETS: [&str; 14] = [
    "127.0.3.0/24",
    "127.0.3.0/31",
    "127.0.3.0",
    "127.0.3.2",
    "::1",
    "::/0",
    "0.0.0.0/0",
    "10.9.0.0/16",
    "10.9.0.0/24",
    "10.9.7.0/24",
    "10.9.0.1",
    "2001:db8::/32",
    "2001:db8::/64",
    "2001:db8::1",
];
/// Trusted peers.
const PEERS: [&str; 4] = ["127.0.0.0/8", "::1", "127.0.3.0/31", "127.0.3.0"];

/// A configuration, with lists, headers and routes if it `admits`.
pub(super) fn configuration(choices: &mut impl Choices, admits: bool) -> Configuration {
    family::configuration(choices, |forward, choices| {
        if admits && choices.chance(70) {
            admit(forward, choices);
        }
    })
}

fn number(choices: &mut impl Choices, bound: usize) -> u8 {
    let bound = u32::try_from(bound).unwrap_or(1);
    u8::try_from(choices.below(bound)).unwrap_or(0)
}

fn span(choices: &mut impl Choices, millis: &[u64]) -> Duration {
    Duration::from_millis(choices.pick(millis))
}

fn nets(choices: &mut impl Choices, from: &[&str], most: u32) -> Vec<Net> {
    let mut nets: Vec<Net> = Vec::new();
    for _ in 0..=choices.below(most) {
        let net = choices.pick(from).parse().expect("a prefix");
        if !nets.contains(&net) {
            nets.push(net);
        }
    }
    nets
}

/// Gives a forward lists, headers and routes. Most have a part of them only.
pub(super) fn admit(forward: &mut Forward, choices: &mut impl Choices) {
    let mut admission = Admission::default();
    if choices.chance(35) {
        admission.allow = nets(choices, &NETS, 4);
    }
    if choices.chance(35) {
        admission.deny = nets(choices, &NETS, 4);
    }
    if choices.chance(40) {
        let mut from = nets(choices, &PEERS, 2);
        if choices.chance(70) {
            from = PEERS[..2].iter().map(|net| net.parse().expect("a prefix")).collect();
        }
        let timeout = span(choices, &[3_000, 3_000, 500, 50]);
        admission.accept_proxy = Some(AcceptProxy { from, unix: choices.chance(80), timeout });
    }
    let sends = [SendProxy::Off, SendProxy::Off, SendProxy::V1, SendProxy::V2];
    admission.send_proxy = choices.pick(&sends);
    if choices.chance(35) {
        for rule in (0..RULES.len()).filter_map(|rule| u8::try_from(rule).ok()) {
            if choices.chance(35) {
                admission.routes.push(HelloRoute { rule, to: targets(choices) });
            }
        }
        admission.hello = span(choices, &[5_000, 5_000, 1_000, 50]);
    }
    forward.admission = admission;
    if !forward.admission.routes.is_empty() && choices.chance(25) {
        forward.to.clear();
    } else if forward.to.is_empty() {
        forward.to = targets(choices);
    }
    for target in forward.all_targets_mut() {
        target.send = if choices.chance(15) { Some(choices.pick(&sends)) } else { None };
    }
    forward.agree();
}

impl Forward {
    fn all_targets_mut(&mut self) -> impl Iterator<Item = &mut Target> {
        let routes = self.admission.routes.iter_mut().flat_map(|route| &mut route.to);
        self.to.iter_mut().chain(routes)
    }

    /// A target has one limit and one header in its forward: those with which it comes first.
    pub(crate) fn agree(&mut self) {
        let mut known: Vec<Target> = Vec::new();
        for target in self.all_targets_mut() {
            match known.iter().find(|it| it.to == target.to) {
                Some(first) => (target.sessions, target.send) = (first.sessions, first.send),
                None => known.push(*target),
            }
        }
    }
}

/// The bytes with which a client of this forward begins: mostly those that it expects.
pub(super) fn opening(forward: &Forward, choices: &mut impl Choices) -> Opening {
    let Admission { accept_proxy, routes, .. } = &forward.admission;
    let has_header = choices.chance(if accept_proxy.is_some() { 92 } else { 2 });
    let has_hello = choices.chance(if routes.is_empty() { 3 } else { 85 });
    Opening {
        header: has_header.then(|| header(choices)),
        hello: has_hello.then(|| Hello {
            name: choices.chance(85).then(|| number(choices, NAMES_ASKED.len())),
            protocol: choices.chance(60).then(|| number(choices, PROTOCOLS.len())),
            padding: choices.pick(&[0, 0, 200, 2_000, 30_000]),
            records: choices.pick(&[1, 1, 2, 5]),
        }),
    }
}

fn header(choices: &mut impl Choices) -> Header {
    let form = choices.pick(&[
        Form::V1,
        Form::V1,
        Form::Unknown,
        Form::V2,
        Form::V2,
        Form::Summed,
        Form::Summed,
        Form::Local,
        Form::Unix,
    ]);
    let flaws = [Flaw::Damaged, Flaw::TooLong];
    Header {
        form,
        client: number(choices, STATED),
        flaw: if choices.chance(10) { choices.pick(&flaws) } else { Flaw::None },
        extra: choices.pick(&[0, 0, 20, 400, 3_000]),
    }
}

/// How the client of a session sends its beginning: at once, in pieces, later, or never.
pub(super) fn acts(choices: &mut impl Choices, most_bytes: u32) -> Vec<Act> {
    match choices.below(20) {
        0..11 => vec![Act::Open],
        11..13 => vec![Act::Open, Act::Send(choices.size(most_bytes))],
        13..16 => {
            let pieces = 1 + choices.below(5);
            let mut acts: Vec<Act> = (0..pieces).map(|_| Act::Send(choices.size(60))).collect();
            acts.extend(choices.chance(70).then_some(Act::Open));
            acts
        }
        16 => vec![Act::Send(choices.size(60)), Act::Fin],
        17 => vec![choices.pick(&[Act::Fin, Act::Close, Act::Reset])],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use std::collections::BTreeSet;

    #[test]
    fn every_configuration_is_valid() {
        for seed in 0..500 {
            let configuration = configuration(&mut Random::new(seed), seed % 2 == 0);
            let names: BTreeSet<u8> = configuration.0.iter().map(|forward| forward.name).collect();
            assert_eq!(names.len(), configuration.0.len());
            let input = plan::Input { config: Some("test.toml".into()), ..plan::Input::default() };
            let reading = plan::read_text(&input, &configuration.toml());
            assert!(reading.plan.is_some(), "{}\n{:?}", configuration.toml(), reading.problems);
        }
    }
}
