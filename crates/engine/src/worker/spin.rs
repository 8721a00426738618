//! Whether a worker polls before it sleeps, `spin`.

use std::time::Duration;

/// Only a worker whose last wait had events polls, so an idle one takes no CPU.
#[derive(Debug, Default)]
pub(crate) struct Spin {
    /// Zero: never.
    span: Duration,
    had_events: bool,
}

impl Spin {
    /// Sets the time for which the worker polls; zero turns it off.
    pub(crate) fn set(&mut self, span: Duration) {
        *self = Self { span, had_events: false };
    }

    pub(crate) fn is_on(&self) -> bool {
        !self.span.is_zero()
    }

    /// Notes whether a wait had events.
    pub(crate) fn note(&mut self, had_events: bool) {
        self.had_events = had_events;
    }

    /// How long to poll before the next sleep, which would end after `timeout`; `None`: not at all.
    pub(crate) fn due(&self, timeout: Option<Duration>) -> Option<Duration> {
        if !self.had_events || timeout == Some(Duration::ZERO) {
            return None;
        }
        Some(timeout.map_or(self.span, |timeout| timeout.min(self.span)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_micros(50);

    #[test]
    fn it_polls_once_after_work_and_then_sleeps() {
        let mut spin = Spin::default();
        spin.set(SPAN);
        assert_eq!(spin.due(None), None, "no work yet");
        spin.note(true);
        assert_eq!(spin.due(None), Some(SPAN));
        spin.note(false);
        assert_eq!(spin.due(None), None);
    }

    #[test]
    fn a_timer_ends_it_earlier_and_work_that_waits_leaves_it_out() {
        let mut spin = Spin::default();
        spin.set(SPAN);
        spin.note(true);
        assert_eq!(spin.due(Some(SPAN / 2)), Some(SPAN / 2));
        assert_eq!(spin.due(Some(SPAN * 2)), Some(SPAN));
        assert_eq!(spin.due(Some(Duration::ZERO)), None);
    }

    #[test]
    fn it_is_off_until_it_is_set() {
        let mut spin = Spin::default();
        assert!(!spin.is_on());
        spin.set(SPAN);
        assert!(spin.is_on());
        spin.note(true);
        spin.set(Duration::ZERO);
        assert!(!spin.is_on());
        assert_eq!(spin.due(None), None);
    }
}
