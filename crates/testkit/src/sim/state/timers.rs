//! Timers of a TCP end.

use flow::Time;

/// A timer of a TCP end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Sends again a SYN, a SYN-ACK, or bytes, or probes a closed window (`tcp_write_timer`).
    Retransmission,
    /// Probes a silent connection, or forgets an orphan in FIN_WAIT2 (`tcp_keepalive_timer`).
    Keepalive,
    /// Acknowledges the received bytes (`tcp_delack_timer`).
    Acknowledgement,
}

/// The time for which a timer is set, and that of its entry in the agenda. The entry is not moved when
/// the timer is set to a later time: it fires, and is set again.
#[derive(Clone, Copy, Debug, Default)]
struct Setting {
    deadline: Option<Time>,
    entry: Option<Time>,
}

/// The result of an entry of the agenda.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    Fires,
    /// A new entry at this time is needed.
    Later(Time),
    /// The timer was stopped, or has another entry.
    Stale,
}

#[derive(Debug, Default)]
pub(crate) struct Timers([Setting; 3]);

impl Timers {
    fn setting(&mut self, timer: Timer) -> &mut Setting {
        &mut self.0[timer as usize]
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize].deadline.is_some()
    }

    /// Sets a timer. True if it needs an entry in the agenda at this time.
    pub(crate) fn set(&mut self, timer: Timer, at: Time) -> bool {
        let setting = self.setting(timer);
        setting.deadline = Some(at);
        let needs_entry = setting.entry.is_none_or(|entry| entry > at);
        if needs_entry {
            setting.entry = Some(at);
        }
        needs_entry
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.setting(timer).deadline = None;
    }

    /// An entry of the agenda at this time is taken out.
    pub(crate) fn expire(&mut self, timer: Timer, at: Time) -> Expiry {
        let setting = self.setting(timer);
        if setting.entry != Some(at) {
            return Expiry::Stale;
        }
        setting.entry = None;
        match setting.deadline {
            None => Expiry::Stale,
            Some(deadline) if deadline > at => {
                setting.entry = Some(deadline);
                Expiry::Later(deadline)
            }
            Some(_) => {
                setting.deadline = None;
                Expiry::Fires
            }
        }
    }

    /// Whether an entry of the agenda at this time would fire.
    pub(crate) fn fires_at(&self, timer: Timer, at: Time) -> bool {
        let setting = self.0[timer as usize];
        setting.entry == Some(at) && setting.deadline.is_some_and(|deadline| deadline <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Time {
        Time::from_micros(micros)
    }

    #[test]
    fn a_timer_fires_once_at_its_last_setting() {
        let mut timers = Timers::default();
        let timer = Timer::Keepalive;
        assert!(timers.set(timer, at(10)));
        assert!(!timers.set(timer, at(20)), "the present entry comes earlier");
        assert_eq!(timers.expire(timer, at(10)), Expiry::Later(at(20)));
        assert!(timers.set(timer, at(15)), "the present entry comes too late");
        assert!(timers.fires_at(timer, at(15)));
        assert_eq!(timers.expire(timer, at(15)), Expiry::Fires);
        assert_eq!(timers.expire(timer, at(20)), Expiry::Stale);
        assert!(!timers.is_set(timer));
        timers.set(timer, at(30));
        timers.stop(timer);
        assert_eq!(timers.expire(timer, at(30)), Expiry::Stale);
    }
}
