//! The key bindings. The help is generated from the same table.

use super::scroll::Move;
use ratatui::crossterm::event::KeyCode::{
    self, BackTab, Backspace, Char, Down, End, Enter, Esc, F, Home, Left, PageDown, PageUp, Right,
    Tab, Up,
};
use ratatui::crossterm::event::{KeyEvent, KeyModifiers};

/// The command of a key while no dialog is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Quit,
    Help,
    Filter,
    Sort,
    SortBefore,
    SortAfter,
    Drain,
    Resume,
    Kill,
    NextView,
    ViewBefore,
    Targets,
    Open,
    Back,
    Move(Move),
    Pause,
}

/// Keys for one command, with their line of the help.
struct Keys {
    codes: &'static [KeyCode],
    command: Command,
    shown: &'static str,
    meaning: &'static str,
}

const fn keys(
    codes: &'static [KeyCode],
    command: Command,
    shown: &'static str,
    meaning: &'static str,
) -> Keys {
    Keys { codes, command, shown, meaning }
}

/// Entries without text share the line of the previous entry.
const TABLE: [Keys; 21] = [
    keys(&[F(1), Char('?'), Char('h')], Command::Help, "F1 ? h", "this help"),
    keys(&[Tab], Command::NextView, "Tab", "forwards, sessions or targets"),
    keys(&[BackTab], Command::ViewBefore, "", ""),
    keys(&[Up], Command::Move(Move::Up), "Up Down", "choose a row; scroll"),
    keys(&[Down], Command::Move(Move::Down), "", ""),
    keys(&[PageUp], Command::Move(Move::PageUp), "PgUp PgDn", "one screen up or down"),
    keys(&[PageDown], Command::Move(Move::PageDown), "", ""),
    keys(&[Home], Command::Move(Move::First), "Home End", "the first or last row or line"),
    keys(&[End], Command::Move(Move::Last), "", ""),
    keys(&[Enter, Right], Command::Open, "Enter", "sessions of the forward; details of the row"),
    keys(&[Esc, Backspace, Left], Command::Back, "Esc", "back; clear the filter"),
    keys(
        &[F(4), Char('/')],
        Command::Filter,
        "F4 /",
        "filter: part of a name; address, 10.0.0.0/8, 10.0.",
    ),
    keys(&[F(5), Char('t')], Command::Targets, "F5 t", "targets of the forward, or all"),
    keys(&[F(6), Char('s')], Command::Sort, "F6 s", "choose the sort order"),
    keys(&[Char('<')], Command::SortBefore, "< >", "previous or next sort order"),
    keys(&[Char('>')], Command::SortAfter, "", ""),
    keys(&[F(7), Char('d')], Command::Drain, "F7 d", "drain: accept no new sessions"),
    keys(&[F(8), Char('r')], Command::Resume, "F8 r", "resume: accept them again"),
    keys(&[F(9), Char('k')], Command::Kill, "F9 k", "kill the session: both peers get a reset"),
    keys(&[Char(' ')], Command::Pause, "Space", "pause or resume updates"),
    keys(&[F(10), Char('q')], Command::Quit, "F10 q", "quit; the process runs on"),
];

/// The command that a key is bound to while no dialog is open.
pub(super) fn command(key: KeyEvent) -> Option<Command> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return None;
    }
    TABLE.iter().find(|keys| keys.codes.contains(&key.code)).map(|keys| keys.command)
}

/// Ctrl-C quits from everywhere.
pub(super) fn is_interrupt(key: KeyEvent) -> bool {
    key.code == Char('c') && key.modifiers.contains(KeyModifiers::CONTROL)
}

/// The lines of the help: keys, and their meaning.
pub(super) fn help() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.iter().filter(|keys| !keys.shown.is_empty()).map(|keys| (keys.shown, keys.meaning))
}

/// The function keys and labels of the footer, and the order in which a narrow screen leaves them out.
const FOOTER: [(&str, &str, u8); 8] = [
    ("F1", "Help", 0),
    ("F4", "Filter", 2),
    ("F5", "Targets", 4),
    ("F6", "Sort", 3),
    ("F7", "Drain", 5),
    ("F8", "Resume", 6),
    ("F9", "Kill", 1),
    ("F10", "Quit", 0),
];

/// The function keys and labels that fit, each with a space behind it.
pub(super) fn footer_of(width: usize) -> impl Iterator<Item = (&'static str, &'static str)> {
    let rank = (0..=6).rev().find(|most| {
        let shown = FOOTER.iter().filter(|(_, _, rank)| rank <= most);
        shown.map(|(key, label, _)| key.len() + label.len() + 1).sum::<usize>() <= width + 1
    });
    let shown = FOOTER.into_iter().filter(move |(_, _, it)| *it <= rank.unwrap_or(0));
    shown.map(|(key, label, _)| (key, label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_key_has_two_bindings() {
        let codes: Vec<_> = TABLE.iter().flat_map(|keys| keys.codes).collect();
        let different: HashSet<_> = codes.iter().collect();
        assert_eq!(codes.len(), different.len());
    }

    #[test]
    fn every_key_in_the_footer_is_bound() {
        for (key, label, _) in FOOTER {
            assert!(help().any(|(keys, _)| keys.split(' ').any(|one| one == key)), "{key} {label}");
        }
    }

    #[test]
    fn control_keys_are_not_letters() {
        let key = |modifiers| KeyEvent::new(Char('k'), modifiers);
        assert_eq!(command(key(KeyModifiers::NONE)), Some(Command::Kill));
        assert_eq!(command(key(KeyModifiers::CONTROL)), None);
        assert!(is_interrupt(KeyEvent::new(Char('c'), KeyModifiers::CONTROL)));
    }
}
