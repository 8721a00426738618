//! Words of scripts that stand for a value without a number.

use super::configuration::Form;
use super::event::{Act, Command, Host, Weather};

pub(super) const HOSTS: [(&str, Host); 7] = [
    ("up", Host::Up),
    ("deaf", Host::Deaf),
    ("closed", Host::Closed),
    ("dead", Host::Dead),
    ("silent", Host::Silent),
    ("unreachable", Host::Unreachable),
    ("crashed", Host::Crashed),
];
pub(super) const WEATHERS: [(&str, Weather); 3] =
    [("calm", Weather::Calm), ("rough", Weather::Rough), ("poor", Weather::Poor)];
pub(super) const ACTS: [(&str, Act); 7] = [
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
pub(super) const FORMS: [(&str, Form); 4] =
    [("any", Form::Any), ("four", Form::Four), ("six", Form::Six), ("unix", Form::Unix)];

pub(super) fn word<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table.iter().find(|(_, it)| it == value).map_or("?", |(word, _)| word)
}

pub(super) fn value<T: Clone>(table: &[(&'static str, T)], word: &str) -> Option<T> {
    table.iter().find(|(it, _)| *it == word).map(|(_, value)| value.clone())
}
