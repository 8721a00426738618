//! The forwards, their listeners and their counts.

/// All forwards, and what is left of earlier ones.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Forwards {
    /// Those that have something to go on with.
    #[prost(message, repeated, tag = "1")]
    pub forwards: Vec<Forward>,
    /// All listening sockets.
    #[prost(message, repeated, tag = "2")]
    pub listeners: Vec<Listener>,
    /// What was counted of forwards that are forgotten: sessions opened, bytes up, bytes down.
    #[prost(uint64, repeated, tag = "3")]
    pub forgotten: Vec<u64>,
    /// The number of the next session.
    #[prost(uint64, tag = "4")]
    pub next_id: u64,
    /// The workers' epoll instances, in the order of the workers. What is registered there stays.
    #[prost(uint32, repeated, tag = "5")]
    pub epolls: Vec<u32>,
}

/// One forward.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Forward {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Whether it takes sessions.
    #[prost(enumeration = "Standing", tag = "2")]
    pub standing: i32,
    /// What was counted.
    #[prost(message, optional, tag = "3")]
    pub totals: Option<Totals>,
    /// A removed one as a configuration of its own.
    #[prost(string, tag = "4")]
    pub removed_text: String,
    /// Microseconds since it was removed.
    #[prost(uint64, tag = "5")]
    pub removed_for: u64,
}

/// Whether a forward takes sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Standing {
    /// It does.
    Active = 0,
    /// An operator drains it.
    Draining = 1,
    /// It is no longer configured, and has sessions.
    Removed = 2,
}

/// A listening socket.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Listener {
    /// Its descriptor.
    #[prost(uint32, tag = "1")]
    pub fd: u32,
    /// Where it listens, as configured.
    #[prost(string, tag = "2")]
    pub address: String,
    /// What the workers know it by.
    #[prost(uint32, tag = "3")]
    pub number: u32,
    /// Device and inode of the file that was made for a Unix socket; else empty.
    #[prost(uint64, repeated, tag = "4")]
    pub file: Vec<u64>,
}

/// What was counted of a forward.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Totals {
    /// Sessions that began.
    #[prost(uint64, tag = "1")]
    pub opened: u64,
    /// Sessions that ended; the words are by, phase and cause, with blanks between.
    #[prost(message, repeated, tag = "2")]
    pub closed: Vec<Count>,
    /// Bytes up by copy, up by splice, down by copy, down by splice.
    #[prost(uint64, repeated, tag = "3")]
    pub bytes: Vec<u64>,
    /// Clients refused by a limit.
    #[prost(uint64, tag = "4")]
    pub refused: u64,
    /// Failures of accept(2); the word is the error's number.
    #[prost(message, repeated, tag = "5")]
    pub accept_errors: Vec<Count>,
    /// Lanes that fell back from splice, by word.
    #[prost(message, repeated, tag = "6")]
    pub fallbacks: Vec<Count>,
    /// From acceptance to the connection with the target.
    #[prost(message, optional, tag = "7")]
    pub connecting: Option<Durations>,
    /// From acceptance to the end.
    #[prost(message, optional, tag = "8")]
    pub living: Option<Durations>,
    /// When a session last failed to reach its target.
    #[prost(uint64, optional, tag = "9")]
    pub last_failed: Option<u64>,
    /// When a client was last refused.
    #[prost(uint64, optional, tag = "10")]
    pub last_refused: Option<u64>,
}

/// How often something of one kind happened.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Count {
    /// Which kind.
    #[prost(string, tag = "1")]
    pub word: String,
    /// How often.
    #[prost(uint64, tag = "2")]
    pub count: u64,
}

/// Durations by class.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Durations {
    /// How many fell into each class.
    #[prost(uint64, repeated, tag = "1")]
    pub classes: Vec<u64>,
    /// The sum of all, in microseconds.
    #[prost(uint64, tag = "2")]
    pub sum: u64,
}
