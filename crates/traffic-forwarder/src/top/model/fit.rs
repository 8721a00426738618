//! Fits lists and texts to the screen, and scrolls them.

use super::{Dialog, Model, View};
use crate::top::detail;
use crate::top::keys::{self, Command};
use crate::top::layout::Layout;
use crate::top::scroll::{Move, Moves, Scroll};
use ratatui::crossterm::event::KeyEvent;
use ratatui::layout::Rect;

impl Model {
    /// Adapts lists and texts to a new screen size.
    pub(in crate::top) fn set_layout(&mut self, layout: Layout) {
        self.layout = layout;
        self.forwards.set_height(layout.rows());
        self.sessions.set_height(layout.rows());
        self.targets.set_height(layout.rows());
        self.fit_texts();
    }

    /// Clamps the scroll positions of the session or target in full view and of the help.
    pub(super) fn fit_texts(&mut self) {
        let Rect { width, height, .. } = self.layout.body;
        self.detail = self.detail.fitted(self.details(width).len(), height.into());
        if let Some(Dialog::Help(scroll)) = &mut self.dialog {
            *scroll = scroll.fitted(keys::help().count(), self.layout.lines_in_box());
        }
    }

    /// The lines of the session or target in full view.
    pub(in crate::top) fn details(&self, width: u16) -> Vec<detail::Line> {
        match (self.view, &self.session, &self.target) {
            (View::Session(_), Some(session), _) => detail::of_session(session, width),
            (View::Target, _, Some(target)) => detail::of_target(target, width),
            _ => Vec::new(),
        }
    }

    pub(super) fn go(&mut self, to: Move) {
        match self.view {
            View::Forwards => self.forwards.go(to),
            View::Sessions => self.sessions.go(to),
            View::Targets => self.targets.go(to),
            View::Session(_) | View::Target => self.detail.go(to),
        }
    }

    /// Closes the help on any key, except for keys that scroll it.
    pub(super) fn scroll_or_close_help(&mut self, mut scroll: Scroll, key: KeyEvent) {
        if let (Some(_), Some(Command::Move(to))) = (scroll.place(), keys::command(key)) {
            scroll.go(to);
            self.dialog = Some(Dialog::Help(scroll));
        }
    }
}
