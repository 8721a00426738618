//! Words of scripts that stand for a value without a number.

use super::configuration::AddressKind;
use super::event::{Act, Command, Host, Severity};
use super::opening::{Flaw, Form};

pub(super) const HOSTS: [(&str, Host); 8] = [
    ("up", Host::Up),
    ("not-accepting", Host::NotAccepting),
    ("closed", Host::Closed),
    ("dead", Host::Dead),
    ("silent", Host::Silent),
    ("unreachable", Host::Unreachable),
    ("crashed", Host::Crashed),
    ("resetting", Host::Resetting),
];
pub(super) const SEVERITIES: [(&str, Severity); 4] = [
    ("friendly", Severity::Friendly),
    ("rough", Severity::Rough),
    ("hostile", Severity::Hostile),
    ("mixed", Severity::Mixed),
];
pub(super) const ACTS: [(&str, Act); 8] = [
    ("opens", Act::Open),
    ("marks", Act::Mark),
    ("fins", Act::Fin),
    ("resets", Act::Reset),
    ("closes", Act::Close),
    ("vanishes", Act::Vanish),
    ("pauses", Act::Pause),
    ("flows", Act::Flow),
];
pub(super) const COMMANDS: [(&str, Command); 6] = [
    ("list", Command::List),
    ("retry", Command::Retry),
    ("cut", Command::Cut),
    ("shutdown", Command::Shutdown),
    ("upgrade", Command::Upgrade),
    ("fail-upgrade", Command::FailUpgrade),
];
pub(super) const ADDRESS_KINDS: [(&str, AddressKind); 4] = [
    ("any", AddressKind::Any),
    ("four", AddressKind::V4),
    ("six", AddressKind::V6),
    ("unix", AddressKind::Unix),
];

pub(super) const FORMS: [(&str, Form); 6] = [
    ("v1", Form::V1),
    ("unknown", Form::Unknown),
    ("v2", Form::V2),
    ("summed", Form::Summed),
    ("local", Form::Local),
    ("unix", Form::Unix),
];
pub(super) const FLAWS: [(&str, Flaw); 3] =
    [("fine", Flaw::None), ("damaged", Flaw::Damaged), ("long", Flaw::TooLong)];

pub(super) fn word<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table.iter().find(|(_, it)| it == value).map_or("?", |(word, _)| word)
}

pub(super) fn value<T: Clone>(table: &[(&'static str, T)], word: &str) -> Option<T> {
    table.iter().find(|(it, _)| *it == word).map(|(_, value)| value.clone())
}
