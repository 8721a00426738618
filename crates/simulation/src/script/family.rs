//! Makes configurations out of choices.

use super::configuration::{
    AddressKind, Configuration, ENDPOINTS, Endpoint, Forward, HOSTS, Limits, NAMES, NOWHERE, To,
};
use crate::random::Choices;
use flow::PathChoice;
use std::time::Duration;

const MOST_FORWARDS: u32 = 4;

pub(super) fn configuration(choices: &mut impl Choices) -> Configuration {
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
        let (to, limits) = (to(choices), limits(choices));
        forwards.push(Forward { name: u8::try_from(name).unwrap_or(0), listen, to, limits });
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

pub(super) fn to(choices: &mut impl Choices) -> To {
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
        sessions: choices.pick(&[1000, 1000, 10, 3, 1]),
        wait: choices.chance(40),
        fin: choices.chance(20),
        path: choices.pick(&[PathChoice::Auto, PathChoice::Copy, PathChoice::Splice]),
        connect: span(choices, &[5_000, 1_000, 50]).unwrap_or(default.connect),
        idle: span(choices, &[0, 3_600_000, 30_000, 1_000, 37]),
        half: span(choices, &[0, 300_000, 10_000, 500, 1]),
        age: span(choices, &[0, 0, 60_000, 2_000, 99]),
        keepalive: span(choices, &[0, 60_000, 2_000]),
        user: span(choices, &[0, 30_000, 1_500]),
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
            let configuration = configuration(&mut Random::new(seed));
            let names: BTreeSet<u8> = configuration.0.iter().map(|forward| forward.name).collect();
            assert_eq!(names.len(), configuration.0.len());
            let input = plan::Input { config: Some("test.toml".into()), ..plan::Input::default() };
            let reading = plan::read_text(&input, &configuration.toml());
            assert!(reading.plan.is_some(), "{}\n{:?}", configuration.toml(), reading.problems);
        }
    }
}
