//! Occurrences that concern an operator, as lines of the log: what goes wrong as warnings with counts, and that it
//! is over.

use crate::episodes::{End, Key, Line, Topic};
use crate::log;
use api::{AcceptFailed, ClientLimited, Close, LimitReached, NotAllowed, ResourceExhausted};
use flow::Cause;
use serde::Serialize;
use std::fmt;
use tracing::Level;

/// One kind of occurrence, with the last or most frequent example. Events of `GET /v1/events` have the same types.
#[derive(Clone)]
pub(crate) enum Occurrence {
    Unanswered(Unanswered),
    Unreached(Unreached),
    AtLimit(LimitReached),
    ClientLimit(ClientLimited),
    NotAllowed(NotAllowed),
    AcceptFailed(AcceptFailed),
    Exhausted(ResourceExhausted),
    LinesLost(LinesLost),
}

/// Sessions could not be connected to a target.
#[derive(Clone, Serialize)]
pub(crate) struct Unreached {
    pub(crate) forward: String,
    /// `None` if none was selected.
    pub(crate) target: Option<String>,
    pub(crate) target_address: Option<String>,
    pub(crate) count: u64,
    pub(crate) close: Close<'static>,
    /// What to do, if this host is the cause.
    pub(crate) hint: Option<&'static str>,
}

/// A target cannot be connected, and no session has tried.
#[derive(Clone, Serialize)]
pub(crate) struct Unanswered {
    pub(crate) forward: String,
    pub(crate) target: String,
    pub(crate) close: Close<'static>,
    /// What to do, if this host is the cause.
    pub(crate) hint: Option<&'static str>,
}

/// Lines of the log were lost.
#[derive(Clone, Serialize)]
pub(crate) struct LinesLost {
    pub(crate) dropped: u64,
}

/// The remedy of failures that this host causes.
pub(crate) fn hint(cause: Cause) -> Option<&'static str> {
    match cause {
        Cause::NoPorts => Some(
            "no local port is left for this target: add addresses to `local_address`, or widen \
             net.ipv4.ip_local_port_range",
        ),
        Cause::NoFiles => Some("raise the open-file limit"),
        Cause::Loop => Some("the target is a listener of this process: change `to`"),
        _ => None,
    }
}

impl Occurrence {
    /// The episode that it belongs to.
    pub(crate) fn key(&self) -> Key {
        let key = |topic, forward: &str, detail: &str| Key {
            topic,
            forward: forward.into(),
            detail: detail.into(),
        };
        match self {
            Self::Unanswered(it) => key(Topic::Unanswered, &it.forward, &it.target),
            Self::Unreached(it) => {
                key(Topic::Unreached, &it.forward, it.target.as_deref().unwrap_or_default())
            }
            Self::AtLimit(it) => {
                let detail = if it.sessions.is_some() { "share" } else { &it.scope };
                key(Topic::AtLimit, &it.forward, detail)
            }
            Self::ClientLimit(it) => key(Topic::ClientLimit, &it.forward, &it.key),
            Self::NotAllowed(it) => key(Topic::NotAllowed, &it.forward, ""),
            Self::AcceptFailed(it) => key(Topic::AcceptFailed, &it.forward, ""),
            Self::Exhausted(it) => key(Topic::Exhausted, &it.needed_for, it.cause.as_str()),
            Self::LinesLost(_) => key(Topic::LinesLost, "", ""),
        }
    }

    /// The number of occurrences.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Unanswered(_) => 1,
            Self::Unreached(it) => it.count,
            Self::AtLimit(it) => it.count,
            Self::ClientLimit(it) => it.count,
            Self::NotAllowed(it) => it.count,
            Self::AcceptFailed(it) => it.count,
            Self::Exhausted(it) => it.count,
            Self::LinesLost(it) => it.dropped,
        }
    }

    fn set_count(&mut self, total: u64) {
        match self {
            // A line for each.
            Self::Unanswered(_) => {}
            Self::Unreached(it) => it.count = total,
            Self::AtLimit(it) => it.count = total,
            Self::ClientLimit(it) => it.count = total,
            Self::NotAllowed(it) => it.count = total,
            Self::AcceptFailed(it) => it.count = total,
            Self::Exhausted(it) => it.count = total,
            Self::LinesLost(it) => it.dropped = total,
        }
    }

    fn write(&self, others: Option<usize>) {
        match self {
            Self::Unanswered(it) => warn(&"a target is unreachable", it, others),
            Self::Unreached(it) => warn(&"sessions cannot be connected to a target", it, others),
            Self::AtLimit(it) => {
                let message = match it.sessions {
                    Some(_) => HAS_ITS_SHARE,
                    None => AT_LIMIT,
                };
                warn(&message, it, others);
            }
            Self::ClientLimit(it) => {
                let message = match &*it.key {
                    "share" => HAS_SHARE,
                    "per_client.sessions" => HAS_SESSIONS,
                    _ => TOO_FAST,
                };
                warn(&message, it, others);
            }
            Self::NotAllowed(it) => warn(&NOT_ALLOWED, it, others),
            Self::AcceptFailed(it) => warn(&ACCEPT_FAILED, it, others),
            Self::Exhausted(it) => {
                let message = format!("a resource of this host is exhausted: {}", why(it));
                warn(&message, it, others);
            }
            Self::LinesLost(it) => warn(&LOST, it, others),
        }
    }
}

/// Writes the line to the log.
pub(crate) fn write(line: Line<Occurrence>) {
    match line {
        Line::Occurred { mut event, count, others } => {
            event.set_count(count);
            event.write((others > 0).then_some(others));
        }
        Line::Over { key, end, total, lasted, others } => write_over(
            &key,
            end,
            &Over {
                total: (key.topic != Topic::Unanswered).then_some(total),
                seconds: log::seconds(lasted),
                others: (others > 0).then_some(others),
                ..Over::of(&key)
            },
        ),
    }
}

fn write_over(key: &Key, end: End, over: &Over<'_>) {
    info(
        match (key.topic, end) {
            // The next one may come at any time.
            (Topic::NotAllowed, _) => return,
            (Topic::Unanswered, End::Removed) => "an unreachable target was removed",
            (Topic::Unreached, End::Removed) => {
                "a target to which sessions could not be connected was removed"
            }
            (Topic::Unanswered, _) => "the target is reachable",
            (Topic::Unreached, End::Works) => "sessions are connected to the target again",
            (Topic::Unreached, End::Quiet) => "no session has lacked a target for a minute",
            (Topic::AtLimit, _) => "connections are not refused by max_sessions any more",
            (Topic::ClientLimit, _) => "connections are not refused by limits of clients any more",
            (Topic::AcceptFailed, _) => "accept(2) does not fail any more",
            (Topic::Exhausted, _) => "a resource of this host is not exhausted any more",
            (Topic::LinesLost, _) => "no more lines are lost",
        },
        over,
    );
}

/// Fields about the end of an episode.
#[derive(Clone, Copy, Default, Serialize)]
struct Over<'a> {
    forward: Option<&'a str>,
    target: Option<&'a str>,
    key: Option<&'a str>,
    needed_for: Option<&'a str>,
    cause: Option<&'a str>,
    total: Option<u64>,
    seconds: f64,
    others: Option<usize>,
}

impl<'a> Over<'a> {
    /// The names of an episode.
    fn of(key: &'a Key) -> Self {
        let (forward, detail) = (Some(&*key.forward), Some(&*key.detail));
        match key.topic {
            Topic::Unanswered | Topic::Unreached => {
                Self { forward, target: detail.filter(|it| !it.is_empty()), ..Self::default() }
            }
            Topic::ClientLimit => Self { forward, key: detail, ..Self::default() },
            Topic::Exhausted => Self { needed_for: forward, cause: detail, ..Self::default() },
            Topic::AtLimit | Topic::NotAllowed | Topic::AcceptFailed => {
                Self { forward, ..Self::default() }
            }
            Topic::LinesLost => Self::default(),
        }
    }
}

fn warn(message: &impl fmt::Display, event: &impl Serialize, others: Option<usize>) {
    log::write_with(Level::WARN, message, event, others.map(|others| ("others", others)));
}

fn info(message: &str, over: &Over<'_>) {
    log::write(Level::INFO, &message, over);
}

fn why(exhausted: &ResourceExhausted) -> String {
    let known = Cause::ALL.iter().find(|cause| cause.as_str() == exhausted.cause.as_str());
    known.map_or_else(|| exhausted.cause.to_string(), |cause| cause.explanation().to_owned())
}

/// The message for a listener that pauses.
const ACCEPT_FAILED: &str =
    "accept(2) failed: clients wait in the kernel's queue until a retry succeeds";

// The messages for refused clients.
const AT_LIMIT: &str = "connections refused: max_sessions is reached";
const HAS_ITS_SHARE: &str =
    "connections refused: the forward has its share of the process's max_sessions";
const HAS_SHARE: &str = "connections refused: the client has its share of the forward's places";
const HAS_SESSIONS: &str = "connections refused: the client has as many sessions as it may have";
const TOO_FAST: &str = "connections refused: the client opens sessions faster than it may";
const NOT_ALLOWED: &str =
    "connections refused: allow, deny or accept_proxy does not admit the client";

const LOST: &str = "reports were lost: the log is slower than the sessions";
