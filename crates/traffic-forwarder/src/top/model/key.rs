//! Key handling.

use super::{Act, Dialog, Effect, Model, Place, View};
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
            Command::ViewBefore => self.view_before(),
            Command::Targets => self.open_targets(),
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
            View::Sessions | View::Session(_) => View::Targets,
            View::Targets | View::Target => View::Forwards,
        };
    }

    fn view_before(&mut self) {
        self.view = match self.view {
            View::Forwards => View::Targets,
            View::Sessions | View::Session(_) => View::Forwards,
            View::Targets | View::Target => View::Sessions,
        };
    }

    /// Opens the targets of the selected forward; in other views, those of all forwards.
    fn open_targets(&mut self) {
        let chosen = self.forwards.chosen().filter(|_| self.view == View::Forwards);
        let filter = chosen.map(|forward| forward.name.clone()).unwrap_or_default();
        if self.targets.filter() != filter {
            self.targets.set_filter(filter);
        }
        self.view = View::Targets;
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
            View::Targets => {
                let Some(target) = self.targets.chosen() else { return };
                self.target = Some(target.clone());
                self.view = View::Target;
                self.detail = Scroll::default();
                self.fit_texts();
            }
            View::Session(_) | View::Target => {}
        }
    }

    /// Goes back one step: from a session or target to its list, from a filtered list to all, from
    /// sessions and targets to forwards.
    fn back(&mut self) {
        match self.view {
            View::Session(_) => self.view = View::Sessions,
            View::Target => self.view = View::Targets,
            View::Sessions if self.sessions.filter().is_empty() => self.view = View::Forwards,
            View::Sessions => self.sessions.set_filter(String::new()),
            View::Targets if self.targets.filter().is_empty() => self.view = View::Forwards,
            View::Targets => self.targets.set_filter(String::new()),
            View::Forwards => self.forwards.set_filter(String::new()),
        }
    }

    fn sort_by_neighbour(&mut self, step: isize) {
        match self.view {
            View::Forwards => self.forwards.sort_by_neighbour(step),
            View::Sessions => self.sessions.sort_by_neighbour(step),
            View::Targets => self.targets.sort_by_neighbour(step),
            View::Session(_) | View::Target => {}
        }
    }

    /// Stores the selection by name or number, since rows may move while the confirmation is open.
    fn ask_to_confirm(&mut self, command: Command) {
        let session = match self.view {
            View::Sessions => self.sessions.chosen(),
            View::Session(_) => self.session.as_ref(),
            View::Forwards | View::Targets | View::Target => None,
        };
        let act = match (command, session, self.chosen_place()) {
            (Command::Kill, Some(session), _) => Act::Kill {
                id: session.id,
                forward: session.forward.clone(),
                client: session.client.clone(),
            },
            (Command::Drain, _, Some(place)) => Act::Drain(place),
            (Command::Resume, _, Some(place)) => Act::Resume(place),
            _ => return,
        };
        self.dialog = Some(Dialog::Confirm(act));
        self.readable = None;
    }

    /// The selected forward or target.
    fn chosen_place(&self) -> Option<Place> {
        let target = match self.view {
            View::Forwards => {
                let forward = self.forwards.chosen()?.name.clone();
                return Some(Place { forward, target: None });
            }
            View::Targets => self.targets.chosen()?,
            View::Target => self.target.as_ref()?,
            View::Sessions | View::Session(_) => return None,
        };
        let address = target.target.address.clone();
        Some(Place { forward: target.forward.clone(), target: Some(address) })
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
            View::Targets => Some(Dialog::Filter(self.targets.filter().to_owned())),
            View::Session(_) | View::Target => None,
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
            View::Targets => self.targets.set_filter(text),
            View::Session(_) | View::Target => {}
        }
    }

    /// The sort orders of the current view, and the selected one.
    pub(in crate::top) fn sorts(&self) -> (&'static [&'static str], &'static str) {
        match self.view {
            View::Forwards => (self.forwards.sorts(), self.forwards.sort()),
            View::Sessions => (self.sessions.sorts(), self.sessions.sort()),
            View::Targets => (self.targets.sorts(), self.targets.sort()),
            View::Session(_) | View::Target => (&[], ""),
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
                    View::Targets => self.targets.sort_by(word),
                    View::Session(_) | View::Target => {}
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
