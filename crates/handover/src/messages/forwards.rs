//! Forwards, their listeners and their counters.

/// All forwards with state to hand off, and the totals of forgotten ones.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Forwards {
    /// Active and drained forwards, and removed ones that are not forgotten.
    #[prost(message, repeated, tag = "1")]
    pub forwards: Vec<Forward>,
    /// Every listening socket of the process.
    #[prost(message, repeated, tag = "2")]
    pub listeners: Vec<Listener>,
    /// Totals of forwards that no longer exist: sessions opened, bytes up, bytes down.
    #[prost(uint64, repeated, tag = "3")]
    pub forgotten: Vec<u64>,
    /// Id of the next session.
    #[prost(uint64, tag = "4")]
    pub next_id: u64,
    /// Epoll instances of the workers, in worker order. Their registrations stay valid across
    /// execve(2).
    #[prost(uint32, repeated, tag = "5")]
    pub epolls: Vec<u32>,
}

/// State of one forward.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Forward {
    /// Unique name, as configured.
    #[prost(string, tag = "1")]
    pub name: String,
    /// A [`Standing`]: whether it accepts sessions.
    #[prost(enumeration = "Standing", tag = "2")]
    pub standing: i32,
    /// Counters since its first session.
    #[prost(message, optional, tag = "3")]
    pub totals: Option<Totals>,
    /// Only for a removed forward: its settings, as a TOML file with one forward.
    #[prost(string, tag = "4")]
    pub removed_text: String,
    /// Only for a removed forward: microseconds since its removal.
    #[prost(uint64, tag = "5")]
    pub removed_for: u64,
    /// The health of its targets. Empty in older versions.
    #[prost(message, repeated, tag = "6")]
    pub targets: Vec<Target>,
}

/// Health and counts of one target, as far as they differ from those of a new one.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Target {
    /// Its address, as configured.
    #[prost(string, tag = "1")]
    pub address: String,
    /// Passive health, as numbers of `flow::PassiveHealth`.
    #[prost(uint64, repeated, tag = "2")]
    pub passive: Vec<u64>,
    /// Active health, if the target is checked.
    #[prost(message, optional, tag = "3")]
    pub checked: Option<Checked>,
    /// The last change of its state.
    #[prost(message, optional, tag = "4")]
    pub change: Option<StateChange>,
    /// Begin of its slow start; 0 without one.
    #[prost(uint64, tag = "5")]
    pub up_since: u64,
    /// An operator has drained it.
    #[prost(bool, tag = "6")]
    pub drained: bool,
    /// Number of connects.
    #[prost(uint64, tag = "7")]
    pub connected: u64,
    /// Number of failed attempts to connect.
    #[prost(uint64, tag = "8")]
    pub failed: u64,
    /// While it has sessions and is in no set: when it left the last one, in microseconds of the monotonic
    /// clock; else 0. Missing in older versions, which reads as 0.
    #[prost(uint64, tag = "9")]
    pub removed_at: u64,
    /// While it is drained: since when, in microseconds since 1970. 0 in older versions.
    #[prost(uint64, tag = "10")]
    pub drained_at: u64,
    /// Usual time of a connect, in microseconds; 0 before the first, and in older versions.
    #[prost(uint32, tag = "11")]
    pub usual_micros: u32,
    /// Reachability as last logged: a number of `engine::reach`. 0, for none, in older versions.
    #[prost(uint32, tag = "12")]
    pub reach: u32,
    /// Its probe has begun and has no result. False in older versions.
    #[prost(bool, tag = "13")]
    pub unprobed: bool,
    /// Since when, and why, it is unreachable. None in older versions.
    #[prost(message, optional, tag = "14")]
    pub unreachable: Option<StateChange>,
}

/// Results of the checks of a target.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Checked {
    /// The state, as a number of `flow::ActiveHealth`.
    #[prost(uint64, tag = "1")]
    pub health: u64,
    /// Number of successful checks.
    #[prost(uint64, tag = "2")]
    pub succeeded: u64,
    /// Number of failed checks.
    #[prost(uint64, tag = "3")]
    pub failed: u64,
    /// The last check.
    #[prost(message, optional, tag = "4")]
    pub last: Option<LastCheck>,
}

/// The last check of a target.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LastCheck {
    /// When it ended, in microseconds since 1970.
    #[prost(uint64, tag = "1")]
    pub at: u64,
    /// How long it took, in microseconds.
    #[prost(uint64, tag = "2")]
    pub took: u64,
    /// Why it failed; absent if it succeeded.
    #[prost(string, optional, tag = "3")]
    pub error: Option<String>,
}

/// A change of the state of a target.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StateChange {
    /// When it changed, in microseconds since 1970.
    #[prost(uint64, tag = "1")]
    pub at: u64,
    /// Why it went down; empty if it came back.
    #[prost(string, tag = "2")]
    pub why: String,
}

/// Whether a forward accepts sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Standing {
    /// In service: accepts new sessions.
    Active = 0,
    /// Drained by an operator; accepts no sessions.
    Draining = 1,
    /// Removed from the configuration; its remaining sessions go on.
    Removed = 2,
}

/// An open listening socket.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Listener {
    /// The socket's descriptor number.
    #[prost(uint32, tag = "1")]
    pub fd: u32,
    /// Listen address, as configured.
    #[prost(string, tag = "2")]
    pub address: String,
    /// The number that identifies this listener in the workers' epoll registrations.
    #[prost(uint32, tag = "3")]
    pub number: u32,
    /// Device and inode of the socket file that this process created; empty unless it is a Unix
    /// socket.
    #[prost(uint64, repeated, tag = "4")]
    pub file: Vec<u64>,
}

/// Counters of one forward.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Totals {
    /// Sessions opened since the first start.
    #[prost(uint64, tag = "1")]
    pub opened: u64,
    /// Sessions closed, by close reason; the word is by, phase and cause, separated by spaces.
    #[prost(message, repeated, tag = "2")]
    pub closed: Vec<Count>,
    /// Bytes up by copy, up by splice, down by copy, down by splice.
    #[prost(uint64, repeated, tag = "3")]
    pub bytes: Vec<u64>,
    /// Clients refused because `max_sessions` was reached.
    #[prost(uint64, tag = "4")]
    pub refused: u64,
    /// Errors of accept(2), by errno; the word is the decimal errno.
    #[prost(message, repeated, tag = "5")]
    pub accept_errors: Vec<Count>,
    /// Lanes that fell back from splice to copy, by cause.
    #[prost(message, repeated, tag = "6")]
    pub fallbacks: Vec<Count>,
    /// Time from accept(2) to the connection with the target.
    #[prost(message, optional, tag = "7")]
    pub connecting: Option<Durations>,
    /// Time from accept(2) to the end of the session.
    #[prost(message, optional, tag = "8")]
    pub living: Option<Durations>,
    /// Time of the last session that could not reach its target.
    #[prost(uint64, optional, tag = "9")]
    pub last_failed: Option<u64>,
    /// Time of the last client refused.
    #[prost(uint64, optional, tag = "10")]
    pub last_refused: Option<u64>,
    /// Clients refused for other causes, by cause.
    #[prost(message, repeated, tag = "11")]
    pub refused_otherwise: Vec<Count>,
    /// Microseconds in which bytes of ended sessions waited for their peers, up and down.
    #[prost(uint64, repeated, tag = "12")]
    pub stalled: Vec<u64>,
}

/// A counter with a label.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Count {
    /// Label, unique within its list.
    #[prost(string, tag = "1")]
    pub word: String,
    /// Events counted under this label.
    #[prost(uint64, tag = "2")]
    pub count: u64,
}

/// A histogram of durations.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Durations {
    /// Number of durations in each bucket.
    #[prost(uint64, repeated, tag = "1")]
    pub classes: Vec<u64>,
    /// Sum of all durations, in microseconds.
    #[prost(uint64, tag = "2")]
    pub sum: u64,
}
