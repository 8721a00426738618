//! Bounds the log lines about names: an outage of the name servers concerns all of them at once.

use super::cache::Notice;
use std::time::{Duration, Instant};

/// Lines of a kind within a window; further ones are counted.
const MOST_LINES: u64 = 10;
const WINDOW: Duration = Duration::from_secs(10);

/// Counts of notices by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) failing: u64,
    pub(super) over: u64,
    pub(super) removed: u64,
    pub(super) left_out: u64,
}

impl Counts {
    fn of(&mut self, notice: &Notice) -> &mut u64 {
        match notice {
            Notice::Failing { .. } => &mut self.failing,
            Notice::Over { .. } => &mut self.over,
            Notice::Removed { .. } => &mut self.removed,
            Notice::LeftOut { .. } => &mut self.left_out,
        }
    }
}

/// The notices of the current window.
#[derive(Default)]
pub(super) struct NoticeLimit {
    end: Option<Instant>,
    seen: Counts,
}

impl NoticeLimit {
    /// Whether this notice is logged. Otherwise it is counted.
    pub(super) fn passes(&mut self, notice: &Notice, now: Instant) -> bool {
        self.end.get_or_insert(now + WINDOW);
        let seen = self.seen.of(notice);
        *seen += 1;
        *seen <= MOST_LINES
    }

    /// When the window ends, if there is one.
    pub(super) fn end(&self) -> Option<Instant> {
        self.end
    }

    /// Ends the window if its time is over. Returns the numbers of notices that were not logged.
    pub(super) fn finish(&mut self, now: Instant) -> Counts {
        if self.end.is_none_or(|end| now < end) {
            return Counts::default();
        }
        let Self { seen, .. } = std::mem::take(self);
        Counts {
            failing: seen.failing.saturating_sub(MOST_LINES),
            over: seen.over.saturating_sub(MOST_LINES),
            removed: seen.removed.saturating_sub(MOST_LINES),
            left_out: seen.left_out.saturating_sub(MOST_LINES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_lines_pass_and_the_rest_is_counted_exactly() {
        let (mut limit, start) = (NoticeLimit::default(), Instant::now());
        let over = Notice::Over { name: "db".into(), after: WINDOW, failures: 1 };
        let error = crate::LookUpError::Timeout;
        let failing = Notice::Failing { name: "db".into(), error, serving: 1 };
        let passed = (0..1000).filter(|_| limit.passes(&failing, start)).count();
        assert_eq!(passed, 10);
        assert!(limit.passes(&over, start));
        assert_eq!(limit.finish(start), Counts::default(), "the window is open");
        let end = limit.end().unwrap();
        assert_eq!(limit.finish(end), Counts { failing: 990, ..Counts::default() });
        assert_eq!((limit.end(), limit.finish(end)), (None, Counts::default()));
        assert!(limit.passes(&failing, end));
    }
}
