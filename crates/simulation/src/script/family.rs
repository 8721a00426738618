//! Makes configurations out of choices.

use super::addresses::{HOSTS, NAMES, NOWHERE};
use super::admission::Admission;
use super::clients::Clients;
use super::configuration::{AddressKind, Configuration, ENDPOINTS, Endpoint, Forward, Limits};
use super::targets::{Selection, Target, To};
use crate::random::Choices;
use flow::{Balance, NoneUp, Passive, PathChoice};
use std::time::Duration;

const MOST_FORWARDS: u32 = 4;

/// A configuration; `finish` completes each forward.
pub(super) fn configuration<C: Choices>(
    choices: &mut C,
    finish: impl Fn(&mut Forward, &mut C),
) -> Configuration {
    let mut numbers: Vec<u8> = (0..ENDPOINTS).collect();
    let mut forwards = Vec::new();
    let first = choices.below(2);
    for name in first..=choices.below(MOST_FORWARDS).max(first) {
        let addresses = choices.pick(&[1, 1, 1, 2]);
        let listen = (0..addresses).filter_map(|_| {
            let at = choices.below(u32::try_from(numbers.len()).ok().filter(|left| *left > 0)?);
            let number = numbers.swap_remove(at as usize);
            Some(endpoint_at(choices, number))
        });
        let listen: Vec<Endpoint> = listen.collect();
        if listen.is_empty() {
            break;
        }
        let name = u8::try_from(name).unwrap_or(0);
        let (to, selection, limits) = (targets(choices), selection(choices), limits(choices));
        let clients = clients(choices);
        let admission = Admission::default();
        let mut forward = Forward { name, listen, to, selection, limits, clients, admission };
        finish(&mut forward, choices);
        forwards.push(forward);
    }
    Configuration(forwards)
}

pub(super) fn endpoint(choices: &mut impl Choices, numbers: u8) -> Endpoint {
    let number = u8::try_from(choices.below(numbers.into())).unwrap_or(0);
    endpoint_at(choices, number)
}

pub(super) fn endpoint_at(choices: &mut impl Choices, number: u8) -> Endpoint {
    let kind = choices.pick(&[
        AddressKind::Any,
        AddressKind::Any,
        AddressKind::V4,
        AddressKind::V4,
        AddressKind::V6,
        AddressKind::Unix,
    ]);
    Endpoint { kind, number }
}

/// Half of the forwards have one target.
pub(super) fn targets(choices: &mut impl Choices) -> Vec<Target> {
    let count = choices.pick(&[1, 1, 1, 2, 2, 3, 4]);
    let mut targets = Vec::new();
    for _ in 0..count {
        add_target(&mut targets, choices);
    }
    targets
}

/// Adds a target with an address that the list does not have.
pub(super) fn add_target(targets: &mut Vec<Target>, choices: &mut impl Choices) {
    let target = match targets[..] {
        [] => Target::from(to(choices)),
        _ => Target {
            weight: choices.pick(&[1, 1, 1, 2, 5]),
            backup: choices.chance(20),
            sessions: choices.pick(&[None, None, None, Some(1), Some(4)]),
            ..Target::from(to(choices))
        },
    };
    if targets.iter().all(|it| it.to != target.to) {
        targets.push(target);
    }
}

/// Another set of targets, near to these.
pub(super) fn change_targets(targets: &mut Vec<Target>, choices: &mut impl Choices) {
    let at = choices.below(u32::try_from(targets.len()).unwrap_or(1).max(1)) as usize;
    match choices.below(8) {
        _ if targets.is_empty() => add_target(targets, choices),
        0 | 1 => add_target(targets, choices),
        2 | 3 if targets.len() > 1 => _ = targets.remove(at),
        4 => targets.reverse(),
        5 => targets[at].weight = choices.pick(&[1, 2, 5]),
        6 => targets[at].backup = !targets[at].backup,
        _ => targets[at].sessions = choices.pick(&[None, Some(1), Some(2), Some(4)]),
    }
}

pub(super) fn selection(choices: &mut impl Choices) -> Selection {
    let default = Selection::default();
    let passive = |(failures, down, down_max)| Passive {
        failures,
        down: Duration::from_millis(down),
        down_max: Duration::from_millis(down_max),
    };
    let all =
        [None, default.passive, Some(passive((1, 50, 3_000))), Some(passive((2, 700, 5_000)))];
    Selection {
        balance: choices.pick(&[
            Balance::Least,
            Balance::RoundRobin,
            Balance::Source,
            Balance::First,
        ]),
        passive: choices.pick(&all),
        none_up: choices.pick(&[NoneUp::Try, NoneUp::Try, NoneUp::Refuse]),
    }
}

/// More than half of the forwards have shares, and less than half limits of each client.
pub(super) fn clients(choices: &mut impl Choices) -> Clients {
    let new = choices.pick(&[None, None, None, None, None, None, Some(2), Some(50)]);
    Clients {
        share: choices.pick(&[None, None, Some(9000), Some(9000), Some(1000), Some(300)]),
        sessions: choices.pick(&[None, None, None, None, None, None, Some(2), Some(20)]),
        new,
        burst: new.and_then(|_| choices.pick(&[None, None, Some(1), Some(3)])),
        prefix: choices.pick(&[32, 32, 32, 31, 24]),
        exempt: choices.chance(20),
    }
}

fn to(choices: &mut impl Choices) -> To {
    let number = |choices: &mut _, bound: u8| {
        u8::try_from(Choices::below(choices, bound.into())).unwrap_or(0)
    };
    match choices.below(21) {
        0..12 => To::Host(number(choices, HOSTS)),
        12..15 => To::Unix(number(choices, HOSTS)),
        15..19 => To::Name(number(choices, NAMES)),
        19 => To::Own(number(choices, ENDPOINTS)),
        _ => To::Nowhere(number(choices, NOWHERE)),
    }
}

pub(super) fn limits(choices: &mut impl Choices) -> Limits {
    let default = Limits::default();
    let span = |choices: &mut _, millis: &[u64]| match Choices::pick(choices, millis) {
        0 => None,
        millis => Some(Duration::from_millis(millis)),
    };
    if choices.chance(30) {
        return default;
    }
    Limits {
        sessions: choices.pick(&[1000, 1000, 25, 10, 3, 1]),
        wait: choices.chance(40),
        fin: choices.chance(20),
        path: choices.pick(&[PathChoice::Auto, PathChoice::Copy, PathChoice::Splice]),
        connect: span(choices, &[5_000, 1_000, 50]).unwrap_or(default.connect),
        idle: span(choices, &[0, 3_600_000, 30_000, 1_000, 37]),
        half: span(choices, &[0, 300_000, 10_000, 500, 1]),
        age: span(choices, &[0, 0, 60_000, 2_000, 99]),
        keepalive: span(choices, &[0, 60_000, 2_000]),
        user: span(choices, &[0, 30_000, 1_500]),
        stall: span(choices, &[0, 20_000, 1_000, 100]),
        rates: [(); 2].map(|()| choices.pick(&[None, None, None, Some(64), Some(1024)])),
    }
}
