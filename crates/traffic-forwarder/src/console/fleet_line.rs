//! The fleet in one line, for `status` and `top`.

use crate::console::screen::{Colour, columns, cut_within};
use crate::console::units::seconds;
use api::{Fleet, FleetState, Word};

/// Columns that the name keeps on a narrow terminal, if it is as long.
const NAME: usize = 12;
/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// A part of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) text: String,
    pub(crate) colour: Option<Colour>,
}

/// The line without bounds.
pub(crate) fn whole(fleet: &Fleet) -> String {
    let read = fleet.read_age.map_or_else(
        || "store not read yet".to_owned(),
        |age| format!("store read {} ago", seconds(age.round())),
    );
    let store = silent_since(fleet, str::to_owned).unwrap_or(read);
    let revision = revision(fleet) + &named(fleet).unwrap_or_default();
    let parts = [state(fleet).text, revision].into_iter().chain(left(fleet));
    let parts: Vec<_> = parts.chain(runs(fleet)).chain([store]).collect();
    format!("{}: {}", name(fleet), parts.join(", "))
}

/// The line in at most `width` columns, if the terminal is not very narrow: the name is cut, and other revisions are left
/// out.
pub(crate) fn fitted(fleet: &Fleet, width: usize) -> Vec<Part> {
    let parts = |is_whole: bool| {
        let plain = |text| Part { text, colour: None };
        let more = |text: Option<String>| text.filter(|_| is_whole);
        let revision = revision(fleet) + &more(named(fleet)).unwrap_or_default();
        let parts = [state(fleet), plain(revision)].into_iter();
        let parts = parts.chain(left(fleet).map(plain)).chain(more(runs(fleet)).map(plain));
        let parts: Vec<_> = parts.chain([store(fleet)]).collect();
        let rest = parts.iter().map(|part| columns(&part.text) + 2).sum::<usize>();
        (parts, width.saturating_sub(rest))
    };
    let name = plan::escaped(name(fleet));
    let fits = |room: usize| room >= columns(&name).min(NAME);
    let (all, room) = Some(parts(true)).filter(|it| fits(it.1)).unwrap_or_else(|| parts(false));
    let name = cut_within(&name, room.max(NAME));
    let mut line = vec![Part { text: format!("{name}: "), colour: None }];
    for (at, part) in all.into_iter().enumerate() {
        let gap = if at == 0 { "" } else { ", " };
        line.push(Part { text: gap.to_owned(), colour: None });
        line.push(Part { text: plan::escaped(&part.text), ..part });
    }
    line
}

fn name(fleet: &Fleet) -> &str {
    fleet.name.as_deref().unwrap_or("not read yet")
}

fn state(fleet: &Fleet) -> Part {
    let colour = match fleet.state {
        Word::Known(FleetState::Stable | FleetState::Confirmed) => Colour::Good,
        Word::Known(FleetState::Refused | FleetState::FellBack) => Colour::Bad,
        _ => Colour::Notable,
    };
    Part { text: fleet.state.to_string(), colour: Some(colour) }
}

/// The revision that is followed.
fn revision(fleet: &Fleet) -> String {
    fleet.revision.map_or_else(|| "no revision".to_owned(), |it| format!("revision {it}"))
}

/// The revision of the store, if it is not the one that is followed.
fn named(fleet: &Fleet) -> Option<String> {
    let is_other = |named: &u64| fleet.revision.is_some_and(|it| it != *named);
    fleet.current_revision.filter(is_other).map(|named| format!(" (the store has {named})"))
}

fn left(fleet: &Fleet) -> Option<String> {
    fleet.trial_left.map(|left| format!("{} left", seconds(left.round())))
}

/// The revision that runs, if it is not the one that is followed.
fn runs(fleet: &Fleet) -> Option<String> {
    let runs = fleet.running_revision.filter(|it| fleet.revision != Some(*it));
    runs.map(|it| format!("runs {it}"))
}

fn store(fleet: &Fleet) -> Part {
    let is_recent = fleet.read_age.is_some_and(|age| age < DAY);
    // The date or the time of day of `2026-12-03T06:51:41Z`.
    let shortened = |at: &str| match at.split_once('T') {
        Some((_, time)) if is_recent => time.to_owned(),
        Some((day, _)) => day.to_owned(),
        None => at.to_owned(),
    };
    match silent_since(fleet, shortened) {
        Some(text) => Part { text, colour: Some(Colour::Bad) },
        None if fleet.store_up => Part { text: "store up".to_owned(), colour: None },
        None => Part { text: "store not read yet".to_owned(), colour: Some(Colour::Notable) },
    }
}

fn silent_since(fleet: &Fleet, shown: impl Fn(&str) -> String) -> Option<String> {
    let at = fleet.read_at.as_ref().filter(|_| !fleet.store_up)?;
    // Without fractions of a second.
    let at = at.split_once('.').map_or_else(|| at.clone(), |(whole, _)| format!("{whole}Z"));
    Some(format!("store silent since {}", shown(&at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn fleet(changes: Value) -> Fleet {
        let mut fleet = json!({
            "name": "edge-1", "store": "etcd://a:1/p", "store_up": true, "problem": null,
            "read_age": 3.4, "read_at": "2026-12-03T06:51:41.250Z", "revision": 7,
            "current_revision": 7, "runs": null, "running_revision": 7, "state": "stable",
            "trial_left": null, "why": null, "since": null,
        });
        let Value::Object(changes) = changes else { panic!("{changes} is no object") };
        fleet.as_object_mut().unwrap().extend(changes);
        serde_json::from_value(fleet).unwrap()
    }

    fn line(fleet: &Fleet, width: usize) -> String {
        fitted(fleet, width).into_iter().map(|part| part.text).collect()
    }

    #[test]
    fn the_line_says_what_differs_from_the_usual() {
        let cases = [
            (json!({}), "stable, revision 7, store read 3s ago", "stable, revision 7, store up"),
            (
                json!({ "state": "trying", "trial_left": 44.6 }),
                "trying, revision 7, 45s left, store read 3s ago",
                "trying, revision 7, 45s left, store up",
            ),
            (
                json!({ "state": "fell_back", "running_revision": 6, "store_up": false }),
                "fell_back, revision 7, runs 6, store silent since 2026-12-03T06:51:41Z",
                "fell_back, revision 7, runs 6, store silent since 06:51:41Z",
            ),
            (
                json!({ "current_revision": 2, "store_up": false, "read_age": 1e6 }),
                "stable, revision 7 (the store has 2), store silent since 2026-12-03T06:51:41Z",
                "stable, revision 7 (the store has 2), store silent since 2026-12-03",
            ),
            (
                json!({ "state": "waiting", "revision": null, "current_revision": null,
                    "running_revision": null, "store_up": false, "read_age": null, "read_at": null }),
                "waiting, no revision, store not read yet",
                "waiting, no revision, store not read yet",
            ),
        ];
        for (changes, of_status, of_top) in cases {
            let fleet = fleet(changes);
            assert_eq!(whole(&fleet), format!("edge-1: {of_status}"));
            assert_eq!(line(&fleet, 80), format!("edge-1: {of_top}"));
        }
    }

    #[test]
    fn a_long_name_leaves_the_rest_whole() {
        let name = "edge-of-the-other-team-in-the-data-centre-of-the-south-1.example";
        let worst = json!({ "name": name, "state": "fell_back", "revision": 12_345,
            "running_revision": 12_344, "store_up": false });
        for (width, expected) in [
            (
                80,
                "edge-of-the…h-1.example: fell_back, revision 12345, store silent since 06:51:41Z",
            ),
            (70, "edge-o…xample: fell_back, revision 12345, store silent since 06:51:41Z"),
            (30, "edge-o…ample: fell_back, revision 12345, store silent since 06:51:41Z"),
        ] {
            assert_eq!(line(&fleet(worst.clone()), width), expected);
        }
    }

    #[test]
    fn a_steering_name_of_another_version_is_escaped() {
        let fleet = fleet(json!({ "name": "a\u{202e}b", "state": "\u{1b}[2J" }));
        assert_eq!(line(&fleet, 80), r"a\u{202e}b: \u{1b}[2J, revision 7, store up");
    }
}
