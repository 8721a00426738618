//! Times and changed settings in the format of the API's answers.

use api::Change;
use flow::Time;
use plan::{Effect, Section};
use std::time::SystemTime;

/// One moment on the engine's clock and on the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) monotonic: Time,
    pub(crate) wall: SystemTime,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { monotonic: Time::from_micros(sys::monotonic_micros()), wall: SystemTime::now() }
    }
}

/// Seconds from `at` until now.
pub(crate) fn seconds_since(at: Time) -> f64 {
    Moment::now().monotonic.since(at).as_secs_f64()
}

/// RFC 3339 in UTC, with milliseconds.
pub(crate) fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// Converts a changed setting.
pub fn change(change: plan::Change) -> Change {
    let effect = match change.effect {
        Effect::AtOnce => api::Effect::Process,
        Effect::LivingSessions => api::Effect::AllSessions,
        Effect::NewSessions | Effect::Identity => api::Effect::NewSessions,
        Effect::Restart => api::Effect::Restart,
    };
    let plan::Change { section, key, old, new, parts, .. } = change;
    let is_of_process = matches!(section, Section::Process | Section::Log | Section::Fleet);
    let section = is_of_process.then(|| section.header().to_owned());
    Change { section, key: key.to_owned(), old, new, parts, effect: effect.into() }
}
