//! The state of the screen, derived only from answers of the admin interface and from keys: no
//! terminal, no socket, no clock.

mod key;

mod fit;

use super::history::History;
use super::layout::Layout;
use super::list::{List, Page, PageQuery, Row};
use super::scroll::Scroll;
use super::targets::{self, TargetRow};
use crate::console::failure::CommandError;
use crate::console::switched::{Switched, Verb};
use crate::console::units::seconds;
use crate::console::watch::{NOTICE_LIFETIME, change_between, is_same_process};
use api::{Done, Forward, Forwards, Session, Sessions, Status};
use std::time::{Duration, Instant, SystemTime};

pub(super) const FORWARD_SORTS: &[&str] =
    &["config", "name", "sessions", "rate", "bytes", "errors"];
pub(super) const SESSION_SORTS: &[&str] = &["rate", "age", "bytes", "idle", "id"];

/// The view below the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Forwards,
    Sessions,
    /// One session in full, by its number.
    Session(u64),
    Targets,
    /// One target in full: [`Model::target`].
    Target,
}

/// The query that the current view needs besides the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Forwards(PageQuery),
    Sessions(PageQuery),
    Session(u64),
    /// All targets: their order is decided here, and one forward has at most 1,024.
    Targets(PageQuery),
}

/// The answer to a [`Question`].
#[derive(Debug)]
pub(super) enum Answer {
    Forwards(Forwards),
    Sessions(Sessions),
    Session(Box<Session>),
    Targets(Vec<TargetRow>),
}

/// The results of one round of requests.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) question: Question,
    pub(super) status: Result<Status, CommandError>,
    pub(super) answer: Result<Answer, CommandError>,
}

/// An operation on the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Kill { id: u64, forward: String, client: String },
    Drain(Place),
    Resume(Place),
}

/// A forward, or one of its targets, to drain or to resume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) forward: String,
    pub(super) target: Option<String>,
}

/// A dialog in front of the view, which receives the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dialog {
    /// The scroll position of the help.
    Help(Scroll),
    /// The text typed so far.
    Filter(String),
    /// Index of the selected sort order.
    Sort(usize),
    Confirm(Act),
}

/// An effect of a key outside the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Quit,
    Do(Act),
}

/// A message that expires after [`NOTICE_LIFETIME`].
#[derive(Debug)]
struct Notice {
    at: SystemTime,
    text: String,
    bad: bool,
}

pub(super) struct Model {
    pub(super) view: View,
    pub(super) forwards: List<Forward>,
    pub(super) sessions: List<Session>,
    /// The session in full view, as last received.
    pub(super) session: Option<Session>,
    pub(super) targets: List<TargetRow>,
    /// The target in full view, as last received.
    pub(super) target: Option<TargetRow>,
    /// The scroll position of the session or target in full view.
    pub(super) detail: Scroll,
    pub(super) dialog: Option<Dialog>,
    /// When the question of [`Dialog::Confirm`] was first drawn; `None` before.
    readable: Option<Instant>,
    /// The last status received.
    pub(super) status: Status,
    pub(super) history: History,
    pub(super) paused: bool,
    /// The time of the first unanswered request; `None` while the process answers.
    absent: Option<SystemTime>,
    /// The error that the process returned for the last query.
    refusal: Option<String>,
    notice: Option<Notice>,
    /// The areas of the screen.
    layout: Layout,
}

impl Row for Forward {
    fn has_same_id(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Row for Session {
    fn has_same_id(&self, other: &Self) -> bool {
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
            targets: List::new(targets::SORTS),
            target: None,
            detail: Scroll::default(),
            dialog: None,
            readable: None,
            status,
            history: History::default(),
            paused: false,
            absent: None,
            refusal: None,
            notice: None,
            layout: Layout::default(),
        }
    }

    /// Records when the current state was drawn.
    pub(super) fn is_drawn(&mut self, at: Instant) {
        if matches!(self.dialog, Some(Dialog::Confirm(_))) {
            self.readable.get_or_insert(at);
        }
    }

    /// The query for the current view.
    pub(super) fn question(&self) -> Question {
        match self.view {
            View::Forwards => Question::Forwards(self.forwards.query()),
            View::Sessions => Question::Sessions(self.sessions.query()),
            View::Session(id) => Question::Session(id),
            View::Targets | View::Target => Question::Targets(PageQuery {
                offset: 0,
                limit: usize::MAX,
                ..self.targets.query()
            }),
        }
    }

    /// Stores the results of one round of requests.
    pub(super) fn take(&mut self, answered: Answered, now: SystemTime) {
        let Answered { question, status, answer } = answered;
        match status {
            Ok(status) => self.take_status(status, now),
            Err(failure) => self.fail(&failure, now),
        }
        match answer {
            Ok(answer) => self.take_answer(&question, answer, now),
            Err(failure) => self.fail(&failure, now),
        }
    }

    fn take_status(&mut self, status: Status, now: SystemTime) {
        let was_absent = self.absent.take().is_some();
        self.refusal = None;
        if let Some(text) = change_between(&self.status, &status, was_absent) {
            self.say(text, false, now);
        }
        // A new process reuses session numbers for other sessions.
        if !is_same_process(&self.status, &status)
            && matches!(self.dialog, Some(Dialog::Confirm(_)))
        {
            self.dialog = None;
        }
        self.history.add(&status);
        let has_fleet = status.fleet.is_some();
        let other = (has_fleet != self.status.fleet.is_some()).then_some(self.layout);
        self.status = status;
        // Another process has the address.
        if let Some(layout) = other.and_then(|layout| layout.with_fleet(has_fleet)) {
            self.set_layout(layout);
        }
    }

    /// Stores an answer, unless the view has changed since the query.
    fn take_answer(&mut self, question: &Question, answer: Answer, now: SystemTime) {
        let fits = |asked: &PageQuery, now: PageQuery| {
            (asked.sort, &asked.filter) == (now.sort, &now.filter)
        };
        match (question, answer) {
            (Question::Forwards(asked), Answer::Forwards(Forwards { total, forwards }))
                if fits(asked, self.forwards.query()) =>
            {
                self.forwards.take(Page { total, offset: asked.offset, rows: forwards });
            }
            (Question::Sessions(asked), Answer::Sessions(Sessions { total, sessions }))
                if fits(asked, self.sessions.query()) =>
            {
                self.sessions.take(Page { total, offset: asked.offset, rows: sessions });
            }
            (Question::Session(id), Answer::Session(session))
                if self.view == View::Session(*id) =>
            {
                self.session = Some(*session);
                self.fit_texts();
            }
            (Question::Targets(asked), Answer::Targets(rows))
                if fits(asked, self.targets.query()) =>
            {
                let shown = self.target.take();
                let find = |it| rows.iter().find(|row| row.has_same_id(it)).cloned();
                self.target = shown.as_ref().and_then(find);
                if self.view == View::Target && self.target.is_none() {
                    self.view = View::Targets;
                    self.say("the target is no longer in its forward".to_owned(), false, now);
                }
                self.targets.take(Page { total: rows.len(), offset: 0, rows });
                self.fit_texts();
            }
            _ => {}
        }
    }

    fn fail(&mut self, failure: &CommandError, now: SystemTime) {
        if failure.is_absence() {
            self.is_absent_since(now);
        } else {
            // An error answer is an answer: the process is there.
            self.absent = None;
            self.refusal = Some(one_line(failure));
        }
    }

    /// Records that the process has not answered since then.
    pub(super) fn is_absent_since(&mut self, since: SystemTime) {
        self.absent.get_or_insert(since);
    }

    /// Shows the result of an operation.
    pub(super) fn acted(&mut self, act: &Act, result: Result<Done, CommandError>, now: SystemTime) {
        match result {
            Ok(done) => self.say(act.done(&done), false, now),
            Err(failure) => self.say(one_line(&failure), true, now),
        }
    }

    fn say(&mut self, text: String, bad: bool, now: SystemTime) {
        self.notice = Some(Notice { at: now, text, bad });
    }

    /// The text of the message line, and whether it is red.
    pub(super) fn message(&self, now: SystemTime) -> (String, bool) {
        if let Some(since) = self.absent {
            let (at, ago) =
                (time_of_day(since), seconds(since_then(since, now).as_secs_f64().ceil()));
            return (format!("the process does not answer since {at} UTC ({ago}), retrying"), true);
        }
        let attention = &self.status.attention;
        let notice =
            self.notice.as_ref().filter(|notice| since_then(notice.at, now) < NOTICE_LIFETIME);
        let bad = !attention.is_empty()
            || self.refusal.is_some()
            || notice.is_some_and(|notice| notice.bad);
        let alerts = attention.iter().map(|it| plan::escaped(&it.text));
        let paused = self.paused.then(|| "paused: Space resumes".to_owned());
        // What has just happened comes first: the line may be cut.
        let news = notice.map(|notice| notice.text.clone()).into_iter().chain(self.refusal.clone());
        let all: Vec<_> = news.chain(alerts).chain(paused).collect();
        if all.is_empty() {
            let why = self.chosen_attention();
            let bad = why.is_some();
            return (why.unwrap_or_default(), bad);
        }
        (all.join("; "), bad)
    }

    /// Why the chosen forward is shown in red.
    fn chosen_attention(&self) -> Option<String> {
        let chosen = self.forwards.chosen().filter(|_| self.view == View::Forwards)?;
        let texts: Vec<_> = chosen.attention.iter().map(|it| plan::escaped(&it.text)).collect();
        (!texts.is_empty())
            .then(|| format!("{}: {}", plan::escaped(&chosen.name), texts.join("; ")))
    }

    pub(super) fn is_absent(&self) -> bool {
        self.absent.is_some()
    }
}

impl Act {
    fn done(&self, done: &Done) -> String {
        match self {
            Self::Kill { id, .. } => format!("session {id} is killed"),
            Self::Drain(place) => place.done(Verb::Drain, done),
            Self::Resume(place) => place.done(Verb::Resume, done),
        }
    }
}

impl Place {
    fn done(&self, verb: Verb, done: &Done) -> String {
        let switched = Switched { name: &self.forward, target: self.target.as_deref(), verb, done };
        switched.text(None).trim_end().to_owned()
    }
}

/// The first line of an error, without the prefix for standard error.
fn one_line(failure: &CommandError) -> String {
    let text = failure.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn since_then(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}

/// Formats a time of day like `22:14:05`, in UTC like all times of the admin interface.
fn time_of_day(time: SystemTime) -> String {
    let seconds = since_then(SystemTime::UNIX_EPOCH, time).as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
pub(super) mod tests;
