//! What each key does. The help is made of the same table.

use super::scroll::Move;
use ratatui::crossterm::event::KeyCode::{
    self, BackTab, Backspace, Char, Down, End, Enter, Esc, F, Home, Left, PageDown, PageUp, Right,
    Tab, Up,
};
use ratatui::crossterm::event::{KeyEvent, KeyModifiers};

/// What is wanted, where no dialog is open.
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
    Open,
    Back,
    Move(Move),
    Pause,
}

/// Some keys that do the same, as the help shows them.
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

/// Lines without text belong to the line before.
const TABLE: [Keys; 19] = [
    keys(&[F(1), Char('?'), Char('h')], Command::Help, "F1 ? h", "this help"),
    keys(&[Tab, BackTab], Command::NextView, "Tab", "forwards or sessions"),
    keys(&[Up], Command::Move(Move::Up), "Up Down", "choose a row; scroll"),
    keys(&[Down], Command::Move(Move::Down), "", ""),
    keys(&[PageUp], Command::Move(Move::PageUp), "PgUp PgDn", "a screen up or down"),
    keys(&[PageDown], Command::Move(Move::PageDown), "", ""),
    keys(&[Home], Command::Move(Move::First), "Home End", "the first or last row or line"),
    keys(&[End], Command::Move(Move::Last), "", ""),
    keys(&[Enter, Right], Command::Open, "Enter", "sessions of the forward; all of the session"),
    keys(&[Esc, Backspace, Left], Command::Back, "Esc", "back; without the filter"),
    keys(&[F(4), Char('/')], Command::Filter, "F4 /", "filter by forward or client address"),
    keys(&[F(6), Char('s')], Command::Sort, "F6 s", "choose what comes first"),
    keys(&[Char('<')], Command::SortBefore, "< >", "the order before or after"),
    keys(&[Char('>')], Command::SortAfter, "", ""),
    keys(&[F(7), Char('d')], Command::Drain, "F7 d", "the forward takes no new sessions"),
    keys(&[F(8), Char('r')], Command::Resume, "F8 r", "it takes sessions again"),
    keys(&[F(9), Char('k')], Command::Kill, "F9 k", "end the session: both sides see a reset"),
    keys(&[Char(' ')], Command::Pause, "Space", "hold everything still, and go on"),
    keys(&[F(10), Char('q')], Command::Quit, "F10 q", "leave; nothing changes"),
];

/// What a key does where no dialog is open.
pub(super) fn command(key: KeyEvent) -> Option<Command> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return None;
    }
    TABLE.iter().find(|keys| keys.codes.contains(&key.code)).map(|keys| keys.command)
}

/// Ctrl-C leaves from everywhere.
pub(super) fn is_interrupt(key: KeyEvent) -> bool {
    key.code == Char('c') && key.modifiers.contains(KeyModifiers::CONTROL)
}

/// The lines of the help: keys, and what they do.
pub(super) fn help() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.iter().filter(|keys| !keys.shown.is_empty()).map(|keys| (keys.shown, keys.meaning))
}

/// The function keys and their labels, for the last line.
pub(super) const FOOTER: [(&str, &str); 7] = [
    ("F1", "Help"),
    ("F4", "Filter"),
    ("F6", "Sort"),
    ("F7", "Drain"),
    ("F8", "Resume"),
    ("F9", "Kill"),
    ("F10", "Quit"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_key_does_two_things() {
        let codes: Vec<_> = TABLE.iter().flat_map(|keys| keys.codes).collect();
        let different: HashSet<_> = codes.iter().collect();
        assert_eq!(codes.len(), different.len());
    }

    #[test]
    fn the_footer_names_keys_that_there_are() {
        for (key, label) in FOOTER {
            assert!(help().any(|(keys, _)| keys.split(' ').any(|one| one == key)), "{key} {label}");
        }
    }

    #[test]
    fn a_letter_with_control_is_another_key() {
        let key = |modifiers| KeyEvent::new(Char('k'), modifiers);
        assert_eq!(command(key(KeyModifiers::NONE)), Some(Command::Kill));
        assert_eq!(command(key(KeyModifiers::CONTROL)), None);
        assert!(is_interrupt(KeyEvent::new(Char('c'), KeyModifiers::CONTROL)));
    }
}
