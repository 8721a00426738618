//! What is shown: made of the answers of the admin interface and of keys, and of nothing else. No
//! terminal, no socket, no clock.

mod key;

mod fit;

use super::history::History;
use super::layout::Layout;
use super::list::{List, Page, Row, Wanted};
use super::scroll::Scroll;
use crate::console::failure::Failure;
use crate::console::units::seconds;
use crate::console::watch::{NEWS_LAST, is_same_process, what_happened};
use api::{Done, Forward, Forwards, Session, Sessions, Status};
use std::time::{Duration, Instant, SystemTime};

pub(super) const FORWARD_SORTS: &[&str] =
    &["config", "name", "sessions", "rate", "bytes", "errors"];
pub(super) const SESSION_SORTS: &[&str] = &["rate", "age", "bytes", "idle", "id"];

/// What fills the screen below the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Forwards,
    Sessions,
    /// One session, in full.
    Session(u64),
}

/// What is asked for besides the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Forwards(Wanted),
    Sessions(Wanted),
    Session(u64),
}

/// The answer to one of these.
#[derive(Debug)]
pub(super) enum Answer {
    Forwards(Forwards),
    Sessions(Sessions),
    Session(Box<Session>),
}

/// What came of asking.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) question: Question,
    pub(super) status: Result<Status, Failure>,
    pub(super) answer: Result<Answer, Failure>,
}

/// Something that is done to the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Kill { id: u64, forward: String, client: String },
    Drain(String),
    Resume(String),
}

/// What is in front of everything else, and gets the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dialog {
    /// Which part of it is shown.
    Help(Scroll),
    /// What has been typed so far.
    Filter(String),
    /// The place of the word that is chosen.
    Sort(usize),
    Confirm(Act),
}

/// What a key leads to, outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Quit,
    Do(Act),
}

/// Something to be read for a while.
#[derive(Debug)]
struct Said {
    at: SystemTime,
    text: String,
    bad: bool,
}

pub(super) struct Model {
    pub(super) view: View,
    pub(super) forwards: List<Forward>,
    pub(super) sessions: List<Session>,
    /// The session that is shown in full: what was last known of it.
    pub(super) session: Option<Session>,
    /// Which of its lines are shown.
    pub(super) detail: Scroll,
    pub(super) dialog: Option<Dialog>,
    /// When the question of [`Dialog::Confirm`] was first drawn; `None` before.
    readable: Option<Instant>,
    /// The last answer.
    pub(super) status: Status,
    pub(super) history: History,
    pub(super) paused: bool,
    /// Since when nothing answers.
    absent: Option<SystemTime>,
    /// Why the last question was not answered, by a process that answers.
    refusal: Option<String>,
    said: Option<Said>,
    /// What fits on the screen.
    layout: Layout,
}

impl Row for Forward {
    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Row for Session {
    fn is_same(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Model {
    pub(super) fn new(status: Status) -> Self {
        Self {
            view: View::Forwards,
            forwards: List::new(FORWARD_SORTS),
            sessions: List::new(SESSION_SORTS),
            session: None,
            detail: Scroll::default(),
            dialog: None,
            readable: None,
            status,
            history: History::default(),
            paused: false,
            absent: None,
            refusal: None,
            said: None,
            layout: Layout::default(),
        }
    }

    /// Notes that the current state was drawn at this time.
    pub(super) fn is_drawn(&mut self, at: Instant) {
        if matches!(self.dialog, Some(Dialog::Confirm(_))) {
            self.readable.get_or_insert(at);
        }
    }

    /// What has to be known for what is shown.
    pub(super) fn question(&self) -> Question {
        match self.view {
            View::Forwards => Question::Forwards(self.forwards.wanted()),
            View::Sessions => Question::Sessions(self.sessions.wanted()),
            View::Session(id) => Question::Session(id),
        }
    }

    /// Takes what came of a question.
    pub(super) fn take(&mut self, answered: Answered, now: SystemTime) {
        let Answered { question, status, answer } = answered;
        match status {
            Ok(status) => self.take_status(status, now),
            Err(failure) => self.fail(&failure, now),
        }
        match answer {
            Ok(answer) => self.take_answer(&question, answer),
            Err(failure) => self.fail(&failure, now),
        }
    }

    fn take_status(&mut self, status: Status, now: SystemTime) {
        let was_absent = self.absent.take().is_some();
        self.refusal = None;
        if let Some(text) = what_happened(&self.status, &status, was_absent) {
            self.say(text, false, now);
        }
        // Its sessions are others, with the same numbers.
        if !is_same_process(&self.status, &status)
            && matches!(self.dialog, Some(Dialog::Confirm(_)))
        {
            self.dialog = None;
        }
        self.history.add(&status);
        self.status = status;
    }

    /// An answer to what is no longer asked is left aside.
    fn take_answer(&mut self, question: &Question, answer: Answer) {
        let fits =
            |asked: &Wanted, now: Wanted| (asked.sort, &asked.filter) == (now.sort, &now.filter);
        match (question, answer) {
            (Question::Forwards(asked), Answer::Forwards(Forwards { total, forwards }))
                if fits(asked, self.forwards.wanted()) =>
            {
                self.forwards.take(Page { total, offset: asked.offset, rows: forwards });
            }
            (Question::Sessions(asked), Answer::Sessions(Sessions { total, sessions }))
                if fits(asked, self.sessions.wanted()) =>
            {
                self.sessions.take(Page { total, offset: asked.offset, rows: sessions });
            }
            (Question::Session(id), Answer::Session(session))
                if self.view == View::Session(*id) =>
            {
                self.session = Some(*session);
                self.fit_texts();
            }
            _ => {}
        }
    }

    fn fail(&mut self, failure: &Failure, now: SystemTime) {
        if failure.is_absence() {
            self.is_absent_since(now);
        } else {
            // Who refuses has answered.
            self.absent = None;
            self.refusal = Some(one_line(failure));
        }
    }

    /// Nothing has answered since then.
    pub(super) fn is_absent_since(&mut self, since: SystemTime) {
        self.absent.get_or_insert(since);
    }

    /// Tells what came of an act.
    pub(super) fn acted(&mut self, act: &Act, result: Result<Done, Failure>, now: SystemTime) {
        match result {
            Ok(done) => self.say(act.done(&done), false, now),
            Err(failure) => self.say(one_line(&failure), true, now),
        }
    }

    fn say(&mut self, text: String, bad: bool, now: SystemTime) {
        self.said = Some(Said { at: now, text, bad });
    }

    /// What there is to say above the last line, and whether it is red.
    pub(super) fn message(&self, now: SystemTime) -> (String, bool) {
        if let Some(since) = self.absent {
            let (at, ago) =
                (time_of_day(since), seconds(since_then(since, now).as_secs_f64().ceil()));
            return (format!("the process does not answer since {at} UTC ({ago}), retrying"), true);
        }
        let attention = &self.status.attention;
        let said = self.said.as_ref().filter(|said| since_then(said.at, now) < NEWS_LAST);
        let bad =
            !attention.is_empty() || self.refusal.is_some() || said.is_some_and(|said| said.bad);
        let alerts = attention.iter().map(|it| plan::escaped(&it.text));
        let paused = self.paused.then(|| "held still: Space goes on".to_owned());
        let all = alerts.chain(self.refusal.clone()).chain(said.map(|said| said.text.clone()));
        (all.chain(paused).collect::<Vec<_>>().join("; "), bad)
    }

    pub(super) fn is_absent(&self) -> bool {
        self.absent.is_some()
    }
}

impl Act {
    fn done(&self, done: &Done) -> String {
        match self {
            Self::Kill { id, .. } => format!("session {id} is killed"),
            Self::Drain(name) | Self::Resume(name) => {
                let already = if done.changed { "" } else { " already" };
                format!(
                    "{} is {}{already}",
                    plan::escaped(name),
                    plan::escaped(done.state.as_str())
                )
            }
        }
    }
}

/// The first line, without what marks it on standard error.
fn one_line(failure: &Failure) -> String {
    let text = failure.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn since_then(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}

/// `22:14:05`, in UTC like all times of the admin interface.
fn time_of_day(time: SystemTime) -> String {
    let seconds = since_then(SystemTime::UNIX_EPOCH, time).as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
pub(super) mod tests;
