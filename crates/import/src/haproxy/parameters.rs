//! Parameters after the address of `bind` and `server`.

use super::words::Line;
use super::{set_time, whole};
use crate::known::{Harmless, Known, apply, find};
use crate::section::Section;

/// A server's limit holds beside that of the proxy: the lower one counts.
fn lower_max_sessions(section: &mut Section, limit: &str) {
    // What is no such number limits nothing; the check of the written file refuses it.
    let number = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
    let present = section.entries.iter().find(|(key, _)| *key == "max_sessions");
    if present.is_none_or(|(_, present)| number(limit) < number(present)) {
        section.set("max_sessions", whole(limit));
    }
}

/// The parameters behind an address, from one word on.
pub(super) fn parameters(
    of: &str,
    table: &[Known],
    line: &Line,
    from: usize,
    section: &mut Section,
    harmless: &mut Harmless,
) {
    let mut words = line.from(from).iter();
    while let Some(word) = words.next() {
        let known = find(table, word);
        let argument = match known {
            Some((1, _)) => words.next().map_or("", String::as_str),
            _ => "",
        };
        match (of, word.as_str()) {
            (_, "tcp-ut") => set_time(section, "user_timeout", &line.place, argument),
            ("server", "maxconn") => {
                lower_max_sessions(section, argument);
            }
            _ => {
                let effect = known.map(|(_, effect)| effect);
                apply(effect, &format!("{of} … {word}"), &line.place, section, harmless);
            }
        }
    }
}
