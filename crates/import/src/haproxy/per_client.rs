//! Limits on one client: `tcp-request` that rejects by the counters of a `stick-table`.

use plan::Prefix;

use super::acl::Test;
use super::time;
use super::words::Line;
use crate::grouped_notes::GroupedNotes;
use crate::note::SourcePlace;
use crate::section::{Noted, Section};

const HELP: &str = "write it as `per_client`, then remove the comment marks";

/// As many rules with limits as are read.
const LIMITS_MAX: usize = 100;

/// Limits on one client.
#[derive(Default)]
pub(super) struct PerClient<'a> {
    /// The line and the table of `track-sc0`, and whether it came before the first limit.
    tracked: Option<(&'a Line, &'a str)>,
    limits: Vec<(&'a Line, Limit)>,
    exempt: Option<Vec<Prefix>>,
}

#[derive(Clone, Copy)]
enum Limit {
    Sessions(u32),
    Rate(u32),
}

impl<'a> PerClient<'a> {
    /// Takes a `track-sc0`. The first one counts.
    pub(super) fn track(&mut self, line: &'a Line, table: &'a str) {
        self.tracked.get_or_insert((line, table));
    }

    /// The name of the table, if it is another section's.
    pub(super) fn table(&self) -> Option<&'a str> {
        self.tracked.map(|(_, table)| table).filter(|table| !table.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// Whether no further limit is read.
    pub(super) fn is_full(&self) -> bool {
        self.limits.len() >= LIMITS_MAX
    }

    /// Takes a rule that rejects clients of the limit, but for these. `None` if it has no counterpart.
    pub(super) fn limit(&mut self, line: &'a Line, test: &Test, exempt: Vec<Prefix>) -> Option<()> {
        // The one that comes counts once it is tracked.
        let own = u32::from(self.tracked.is_some());
        let (limit, of_tracked) = match *test {
            Test::Sessions { at_least, of_tracked } => {
                (Limit::Sessions(at_least.checked_sub(own)?), of_tracked)
            }
            Test::Rate { at_least, of_tracked } => {
                (Limit::Rate(at_least.checked_sub(own)?), of_tracked)
            }
            _ => return None,
        };
        if of_tracked && self.tracked.is_none() {
            return None;
        }
        if self.exempt.as_ref().is_some_and(|present| *present != exempt) {
            return None;
        }
        self.exempt = Some(exempt);
        self.limits.push((line, limit));
        Some(())
    }

    /// Sets `per_client`.
    pub(super) fn set(
        self,
        table: Option<&Line>,
        section: &mut Section,
        grouped: &mut GroupedNotes,
    ) {
        let Some((line, _)) = self.limits.first() else { return };
        let place = line.place.clone();
        let Some(((tracking, _), table)) = self.tracked.zip(table) else {
            let message = "nothing is tracked in a table, so that it is never reached";
            return grouped.because(message, "", &place, &line.words.join(" "));
        };
        if !matches!(argument(table, "type"), Some("ip" | "ipv6")) {
            let message = "`stick-table`: clients are not counted by their addresses";
            return section.comment_out(&table.place, message, HELP);
        }
        let mut entries = Vec::new();
        let sessions = self.limits.iter().filter_map(|(_, limit)| match limit {
            Limit::Sessions(most) => Some(*most),
            Limit::Rate(_) => None,
        });
        entries.extend(sessions.min().map(|most| format!("sessions = {most}")));
        let rates = self.limits.iter().filter_map(|(line, limit)| match limit {
            Limit::Rate(most) => Some((*most, &line.place)),
            Limit::Sessions(_) => None,
        });
        if let Some((most, place)) = rates.min_by_key(|(most, _)| *most) {
            entries.extend(rate(most, place, table, section));
        }
        let exempt: Vec<_> = self.exempt.iter().flatten().map(Prefix::to_string).collect();
        let exempt: Vec<_> = exempt.iter().map(|it| plan::basic_string(it)).collect();
        entries.push("prefix = [32, 128]".to_owned());
        if !exempt.is_empty() {
            entries.push(format!("exempt = [{}]", exempt.join(", ")));
        }
        section.set("per_client", format!("{{ {} }}", entries.join(", ")));
        if table.place.line > tracking.place.line || tracking.from(4).len() == 2 {
            let message = "a client of a table has these limits in each forward by itself";
            grouped.because(message, "", &tracking.place, "track-sc0");
        }
    }
}

/// The entries for so many new sessions in the period of the table.
fn rate(most: u32, place: &SourcePlace, table: &Line, section: &mut Section) -> Vec<String> {
    let stored = argument(table, "store").unwrap_or_default();
    let rate = stored.split(',').find_map(|it| it.strip_prefix("conn_rate(")?.strip_suffix(')'));
    let Some(period) = rate.and_then(time).filter(|period| !period.is_zero()) else {
        section.comment_out(&table.place, "`stick-table` stores no conn_rate", HELP);
        return Vec::new();
    };
    let per = |unit: u64| u128::from(most) * u128::from(unit) * 1_000_000 / period.as_micros();
    let is_whole = |unit: u64| {
        (u128::from(most) * u128::from(unit) * 1_000_000).is_multiple_of(period.as_micros())
    };
    let units = [(1, "s"), (60, "m"), (3600, "h")];
    let (unit, name) = units.into_iter().find(|(unit, _)| is_whole(*unit)).unwrap_or((3600, "h"));
    let message = "conn_rate: a refused client counts in HAProxy, and a period slides";
    section.differs(
        place,
        message,
        "`new` and `burst` of `per_client` are the average and what may come at once",
    );
    vec![format!("new = \"{}/{name}\"", per(unit).max(1)), format!("burst = {most}")]
}

/// The word behind a parameter of a `stick-table`.
fn argument<'l>(table: &'l Line, name: &str) -> Option<&'l str> {
    let at = table.words.iter().position(|word| word == name)?;
    table.words.get(at + 1).map(String::as_str)
}
