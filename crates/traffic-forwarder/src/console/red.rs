//! What is red in every view: what an operator should act on. `docs/views.md` has the same list.

use crate::console::screen::Colour;
use api::{Forward, Session, Status};

/// What happened so many seconds ago still is.
const LATELY: f64 = 60.0;

/// A condition that somebody should do something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Red {
    NoAnswer,
    SessionsFull,
    FilesShort,
    ReloadFailed,
    UpgradeFailed,
    LogLost,
    Skipped,
    AtLimit,
    Refusing,
    Failing,
    NetworkLossy,
}

impl Red {
    /// What it says to people. One of a forward or session is shown by the colour of its number.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::NoAnswer => "the process does not answer",
            Self::SessionsFull => "no more sessions fit in",
            Self::FilesShort => "files run short",
            Self::ReloadFailed => "the last reload failed",
            Self::UpgradeFailed => "the last upgrade failed",
            Self::LogLost => "log lines were lost",
            Self::Skipped => "a forward could not be bound",
            Self::AtLimit => "a forward is at its limit",
            Self::Refusing => "a forward refuses clients",
            Self::Failing => "a forward does not reach its target",
            Self::NetworkLossy => "the network loses segments",
        }
    }
}

/// What is red of the process.
pub(crate) fn of_process(status: &Status) -> Vec<Red> {
    let reload_failed = status.last_reload.as_ref().is_some_and(|last| last.error.is_some());
    let upgrade_failed = status.last_upgrade.as_ref().is_some_and(|last| last.error.is_some());
    that_hold([
        (Red::SessionsFull, status.sessions >= status.max_sessions),
        (Red::FilesShort, is_above_nine_tenths(status.open_files, status.open_files_limit)),
        (Red::ReloadFailed, reload_failed),
        (Red::UpgradeFailed, upgrade_failed),
        (Red::LogLost, was_lately(status.last_log_dropped)),
    ])
}

/// What is red of a forward.
pub(crate) fn of_forward(forward: &Forward) -> Vec<Red> {
    that_hold([
        (Red::Skipped, forward.state == "skipped" || forward.error.is_some()),
        (Red::AtLimit, forward.sessions >= forward.max_sessions),
        (Red::Refusing, was_lately(forward.last_refused)),
        (Red::Failing, was_lately(forward.last_failed)),
    ])
}

/// The colour of a forward's number that is red under this condition.
pub(crate) fn colour(forward: &Forward, red: Red) -> Option<Colour> {
    of_forward(forward).contains(&red).then_some(Colour::Bad)
}

/// What is red of a session.
pub(crate) fn of_session(session: &Session) -> Option<Red> {
    (session.verdict == "network-lossy").then_some(Red::NetworkLossy)
}

fn that_hold<const N: usize>(conditions: [(Red, bool); N]) -> Vec<Red> {
    conditions.into_iter().filter(|(_, holds)| *holds).map(|(red, _)| red).collect()
}

fn was_lately(ago: Option<f64>) -> bool {
    ago.is_some_and(|ago| ago < LATELY)
}

fn is_above_nine_tenths(part: u64, whole: u64) -> bool {
    u128::from(part) * 10 > u128::from(whole) * 9
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Red; 11] = [
        Red::NoAnswer,
        Red::SessionsFull,
        Red::FilesShort,
        Red::ReloadFailed,
        Red::UpgradeFailed,
        Red::LogLost,
        Red::Skipped,
        Red::AtLimit,
        Red::Refusing,
        Red::Failing,
        Red::NetworkLossy,
    ];

    #[test]
    fn the_document_has_the_same_list() {
        let document = include_str!("../../../../docs/views.md");
        let (_, section) = document.split_once("## What is red").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let names: Vec<_> = rows.map(|(name, _)| name.replace('_', "")).collect();
        assert_eq!(names, ALL.map(|red| format!("{red:?}").to_lowercase()));
    }

    /// What comes after these words on the page is how many, and why.
    #[test]
    fn the_page_says_the_same_of_the_process() {
        let page = include_str!("../../../control/src/admin/page/process.js");
        let (_, troubles) = page.split_once("function troublesOfProcess").unwrap();
        let of_process = &ALL[1..6];
        let places: Vec<_> = of_process.iter().map(|red| troubles.find(red.text())).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    }

    #[test]
    fn lately_is_a_minute_and_short_is_nine_tenths() {
        assert_eq!(
            [None, Some(0.0), Some(59.9), Some(60.0)].map(was_lately),
            [false, true, true, false]
        );
        assert!(!is_above_nine_tenths(90, 100) && is_above_nine_tenths(91, 100));
        assert!(!is_above_nine_tenths(u64::MAX / 2, u64::MAX));
    }
}
