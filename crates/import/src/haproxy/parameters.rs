//! Parameters after the address of `bind` and `server`.

use super::set_time;
use super::words::Line;
use crate::grouped_notes::GroupedNotes;
use crate::known::{Known, apply, find};
use crate::section::Section;

/// The parameters from one word on, each with its argument, which is empty if it has none.
pub(super) fn each<'a>(
    table: &'a [Known],
    line: &'a Line,
    from: usize,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let mut words = line.from(from).iter();
    std::iter::from_fn(move || {
        let word = words.next()?;
        let argument = match find(table, word) {
            Some((1, _)) => words.next().map_or("", String::as_str),
            _ => "",
        };
        Some((word.as_str(), argument))
    })
}

/// Converts or notes the parameters from one word on.
pub(super) fn parameters(
    of: &str,
    table: &[Known],
    line: &Line,
    from: usize,
    section: &mut Section,
    grouped: &mut GroupedNotes,
) {
    for (word, argument) in each(table, line, from) {
        if word == "tcp-ut" {
            set_time(section, "user_timeout", &line.place, argument);
        } else {
            let effect = find(table, word).map(|(_, effect)| effect);
            apply(effect, &format!("{of} … {word}"), &line.place, section, grouped);
        }
    }
}
