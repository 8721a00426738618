//! Key handling.

use super::{Act, Dialog, Effect, Model, View};
use crate::top::keys::{self, Command};
use crate::top::scroll::Scroll;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::time::{Instant, SystemTime};

/// Longer than any name or address.
const LONGEST_FILTER: usize = 128;

impl Model {
    /// Handles a key that was read at time `read`, and returns its effect outside the model.
    pub(in crate::top) fn key(&mut self, key: KeyEvent, read: Instant) -> Option<Effect> {
        if keys::is_interrupt(key) {
            return Some(Effect::Quit);
        }
        match self.dialog.take() {
            None => self.command(keys::command(key)?),
            Some(Dialog::Help(scroll)) => {
                self.scroll_or_close_help(scroll, key);
                None
            }
            Some(Dialog::Filter(text)) => {
                self.type_filter(text, key);
                None
            }
            Some(Dialog::Sort(place)) => {
                self.choose_sort(place, key);
                None
            }
            Some(Dialog::Confirm(act)) => self.confirms(key, read).then_some(Effect::Do(act)),
        }
    }

    fn command(&mut self, command: Command) -> Option<Effect> {
        match command {
            Command::Quit => return Some(Effect::Quit),
            Command::Help => {
                self.dialog = Some(Dialog::Help(Scroll::default()));
                self.fit_texts();
            }
            Command::Pause => self.paused = !self.paused,
            Command::NextView => self.next_view(),
            Command::Open => self.open(),
            Command::Back => self.back(),
            Command::Drain | Command::Resume | Command::Kill => self.ask_to_confirm(command),
            Command::Filter => self.open_filter(),
            Command::Sort => self.open_sort(),
            Command::SortBefore => self.sort_by_neighbour(-1),
            Command::SortAfter => self.sort_by_neighbour(1),
            Command::Move(to) => self.go(to),
        }
        None
    }

    fn next_view(&mut self) {
        self.view = match self.view {
            View::Forwards => View::Sessions,
            View::Sessions | View::Session(_) => View::Forwards,
        };
    }

    /// Opens the selected row.
    fn open(&mut self) {
        match self.view {
            View::Forwards => {
                let Some(forward) = self.forwards.chosen() else { return };
                self.sessions.set_filter(forward.name.clone());
                self.view = View::Sessions;
            }
            View::Sessions => {
                let Some(session) = self.sessions.chosen() else { return };
                self.view = View::Session(session.id);
                self.session = Some(session.clone());
                self.detail = Scroll::default();
                self.fit_texts();
            }
            View::Session(_) => {}
        }
    }

    /// Goes back one step: from a session to its list, from a filtered list to all, from sessions
    /// to forwards.
    fn back(&mut self) {
        match self.view {
            View::Session(_) => self.view = View::Sessions,
            View::Sessions if self.sessions.filter().is_empty() => self.view = View::Forwards,
            View::Sessions => self.sessions.set_filter(String::new()),
            View::Forwards => self.forwards.set_filter(String::new()),
        }
    }

    fn sort_by_neighbour(&mut self, step: isize) {
        match self.view {
            View::Forwards => self.forwards.sort_by_neighbour(step),
            View::Sessions => self.sessions.sort_by_neighbour(step),
            View::Session(_) => {}
        }
    }

    /// Stores the selection by name or number, since rows may move while the confirmation is open.
    fn ask_to_confirm(&mut self, command: Command) {
        let session = match self.view {
            View::Forwards => None,
            View::Sessions => self.sessions.chosen(),
            View::Session(_) => self.session.as_ref(),
        };
        let forward = self.forwards.chosen().filter(|_| self.view == View::Forwards);
        let act = match (command, session, forward) {
            (Command::Kill, Some(session), _) => Act::Kill {
                id: session.id,
                forward: session.forward.clone(),
                client: session.client.clone(),
            },
            (Command::Drain, _, Some(forward)) => Act::Drain(forward.name.clone()),
            (Command::Resume, _, Some(forward)) => Act::Resume(forward.name.clone()),
            _ => return,
        };
        self.dialog = Some(Dialog::Confirm(act));
        self.readable = None;
    }

    /// True if the key confirms. Any other key cancels.
    ///
    /// A `y` that was read before the confirmation was drawn does not count: a terminal without
    /// bracketed paste sends pasted text as keys, all at once.
    fn confirms(&self, key: KeyEvent, read: Instant) -> bool {
        let is_plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        let is_yes = is_plain && matches!(key.code, KeyCode::Char('y' | 'Y'));
        is_yes && self.readable.is_some_and(|since| read > since)
    }

    /// Handles pasted text. Only an open filter accepts it: elsewhere its letters would be
    /// commands.
    pub(in crate::top) fn paste(&mut self, text: &str, now: SystemTime) {
        if let Some(Dialog::Filter(filter)) = &mut self.dialog {
            let line = text.trim_start().chars().take_while(|c| !c.is_control());
            for c in line {
                if filter.len() < LONGEST_FILTER {
                    filter.push(c);
                }
            }
            return;
        }
        if matches!(self.dialog, Some(Dialog::Confirm(_))) {
            self.dialog = None;
        }
        self.say("the pasted text is ignored: F4 opens the filter for it".to_owned(), false, now);
    }

    fn open_filter(&mut self) {
        self.dialog = match self.view {
            View::Forwards => Some(Dialog::Filter(self.forwards.filter().to_owned())),
            View::Sessions => Some(Dialog::Filter(self.sessions.filter().to_owned())),
            View::Session(_) => None,
        };
    }

    fn type_filter(&mut self, mut text: String, key: KeyEvent) {
        match key.code {
            KeyCode::Esc => return,
            KeyCode::Enter => return self.filter_by(text),
            KeyCode::Backspace => _ = text.pop(),
            KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => text.clear(),
            KeyCode::Char(c) if text.len() < LONGEST_FILTER => text.push(c),
            _ => {}
        }
        self.dialog = Some(Dialog::Filter(text));
    }

    fn filter_by(&mut self, text: String) {
        match self.view {
            View::Forwards => self.forwards.set_filter(text),
            View::Sessions => self.sessions.set_filter(text),
            View::Session(_) => {}
        }
    }

    /// The sort orders of the current view, and the selected one.
    pub(in crate::top) fn sorts(&self) -> (&'static [&'static str], &'static str) {
        match self.view {
            View::Forwards => (self.forwards.sorts(), self.forwards.sort()),
            View::Sessions => (self.sessions.sorts(), self.sessions.sort()),
            View::Session(_) => (&[], ""),
        }
    }

    fn open_sort(&mut self) {
        let (words, now) = self.sorts();
        self.dialog = words.iter().position(|word| *word == now).map(Dialog::Sort);
    }

    fn choose_sort(&mut self, place: usize, key: KeyEvent) {
        let (words, _) = self.sorts();
        let place = match key.code {
            KeyCode::Esc => return,
            KeyCode::Enter => {
                let word = words.get(place).copied().unwrap_or_default();
                match self.view {
                    View::Forwards => self.forwards.sort_by(word),
                    View::Sessions => self.sessions.sort_by(word),
                    View::Session(_) => {}
                }
                return;
            }
            KeyCode::Up => place.saturating_sub(1),
            KeyCode::Down => (place + 1).min(words.len().saturating_sub(1)),
            _ => place,
        };
        self.dialog = Some(Dialog::Sort(place));
    }
}
