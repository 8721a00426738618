//! The messages, in the encoding of Protocol Buffers: a field is known by its number. A number is
//! never used for anything else again; what is added gets a new one, which older readers skip.
//!
//! Moments are microseconds of `CLOCK_MONOTONIC`, which goes on over execve(2), unless a field says
//! otherwise. Descriptors are numbers of the process.

/// What the process as a whole goes on with.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Process {
    /// The version of the program that wrote this.
    #[prost(string, tag = "1")]
    pub version: String,
    /// Its arguments, the first included.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub arguments: Vec<Vec<u8>>,
    /// What the configuration file held that runs; none if there is no file.
    #[prost(string, optional, tag = "3")]
    pub config_text: Option<String>,
    /// The number of configurations that ran.
    #[prost(uint64, tag = "4")]
    pub generation: u64,
    /// When the first image started: microseconds since 1970.
    #[prost(uint64, tag = "5")]
    pub started: u64,
    /// The last attempt to reload.
    #[prost(message, optional, tag = "6")]
    pub last_reload: Option<LastReload>,
    /// A configuration that has to be confirmed runs.
    #[prost(message, optional, tag = "7")]
    pub trial: Option<Trial>,
    /// Worker threads.
    #[prost(uint32, tag = "8")]
    pub workers: u32,
    /// Descriptors that were open before anything of ours was.
    #[prost(uint64, tag = "9")]
    pub files_at_start: u64,
    /// Lines that the log has lost for want of room in a queue.
    #[prost(uint64, tag = "10")]
    pub log_queue_full: u64,
    /// Lines that could not be written.
    #[prost(uint64, tag = "11")]
    pub log_write_failed: u64,
    /// Upgrades so far, this one included.
    #[prost(uint64, tag = "12")]
    pub upgrades: u64,
    /// Who asked for this one.
    #[prost(string, tag = "13")]
    pub asked_by: String,
    /// The admin interface's listening socket; none if there is none.
    #[prost(uint32, optional, tag = "14")]
    pub admin: Option<u32>,
    /// When the workers were stopped.
    #[prost(uint64, tag = "15")]
    pub stopped_at: u64,
    /// The names under which the service manager keeps listeners.
    #[prost(string, repeated, tag = "16")]
    pub kept_listeners: Vec<String>,
    /// When the last line was lost.
    #[prost(uint64, optional, tag = "17")]
    pub log_last_lost: Option<u64>,
    /// What the kernel keeps the process to, in every image; none if it is free.
    #[prost(message, optional, tag = "18")]
    pub sandbox: Option<Sandbox>,
}

/// The directories that a process is kept to.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Sandbox {
    /// Where it may read.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub read: Vec<Vec<u8>>,
    /// Where it may read, and make, change and remove files and sockets.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub write: Vec<Vec<u8>>,
    /// Where it may read, and execute programs.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub execute: Vec<Vec<u8>>,
}

/// The last attempt to reload.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LastReload {
    /// Microseconds since 1970.
    #[prost(uint64, tag = "1")]
    pub at: u64,
    /// Who asked.
    #[prost(string, tag = "2")]
    pub by: String,
    /// Why it failed.
    #[prost(string, optional, tag = "3")]
    pub error: Option<String>,
}

/// The way back to the configuration before.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Trial {
    /// What the file held then.
    #[prost(string, tag = "1")]
    pub config_text: String,
    /// Microseconds that were left to confirm.
    #[prost(uint64, tag = "2")]
    pub left: u64,
    /// The names of its forwards that could not be bound.
    #[prost(string, repeated, tag = "3")]
    pub skipped: Vec<String>,
}

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

/// The sessions of one worker.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Worker {
    /// Where its sessions go.
    #[prost(message, repeated, tag = "1")]
    pub routes: Vec<Route>,
    /// Its sessions.
    #[prost(message, repeated, tag = "2")]
    pub sessions: Vec<Session>,
    /// What distinguishes the key of the next session.
    #[prost(uint32, tag = "3")]
    pub next_generation: u32,
}

/// Where the sessions of one listener go.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Route {
    /// The forward's name.
    #[prost(string, tag = "1")]
    pub forward: String,
    /// The listen address, as shown.
    #[prost(string, tag = "2")]
    pub listen: String,
    /// The target, as shown; it is written as the configuration writes it.
    #[prost(string, tag = "3")]
    pub target: String,
}

/// One session.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Session {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// The position of its route.
    #[prost(uint32, tag = "2")]
    pub route: u32,
    /// What decides: packed numbers, and `flow` knows what they mean.
    #[prost(bytes = "vec", tag = "3")]
    pub flow: Vec<u8>,
    /// The client's socket.
    #[prost(uint32, tag = "4")]
    pub client: u32,
    /// The target's socket, if there is one.
    #[prost(uint32, optional, tag = "5")]
    pub target: Option<u32>,
    /// Who connected.
    #[prost(message, optional, tag = "6")]
    pub client_address: Option<Address>,
    /// The target's address that was connected to, or is being tried.
    #[prost(message, optional, tag = "7")]
    pub target_address: Option<Address>,
    /// What the lane up holds.
    #[prost(message, optional, tag = "8")]
    pub up: Option<Held>,
    /// What the lane down holds.
    #[prost(message, optional, tag = "9")]
    pub down: Option<Held>,
    /// Only while connecting.
    #[prost(message, optional, tag = "10")]
    pub connecting: Option<Connecting>,
    /// The target's socket still lacks options that only a session of some age needs.
    #[prost(bool, tag = "11")]
    pub options_due: bool,
    /// What its worker's epoll instance knows it by.
    #[prost(uint64, tag = "12")]
    pub key: u64,
}

/// The address of a peer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Address {
    /// 4 bytes of IPv4, or 16 of IPv6; none for a Unix socket.
    #[prost(bytes = "vec", tag = "1")]
    pub ip: Vec<u8>,
    /// The TCP port.
    #[prost(uint32, tag = "2")]
    pub port: u32,
    /// The interface of a link-local IPv6 address.
    #[prost(uint32, tag = "3")]
    pub scope: u32,
}

/// Bytes that were received and not yet sent: in a pipe, or here.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Held {
    /// The bytes, if they are not in a pipe.
    #[prost(bytes = "vec", tag = "1")]
    pub bytes: Vec<u8>,
    /// The pipe's end to read from.
    #[prost(uint32, optional, tag = "2")]
    pub pipe_read: Option<u32>,
    /// The pipe's end to write to.
    #[prost(uint32, optional, tag = "3")]
    pub pipe_write: Option<u32>,
}

/// The attempts to connect to a target.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Connecting {
    /// How far they have come: `flow` knows what these numbers mean.
    #[prost(uint64, repeated, tag = "1")]
    pub attempts: Vec<u64>,
    /// Whether the target's name was resolved.
    #[prost(bool, tag = "2")]
    pub is_resolved: bool,
    /// The addresses of its name.
    #[prost(message, repeated, tag = "3")]
    pub resolved: Vec<Address>,
    /// Why the last attempt failed: `flow` knows what these numbers mean. Empty if none has.
    #[prost(uint64, repeated, tag = "4")]
    pub failure: Vec<u64>,
    /// How often the target's queue was full.
    #[prost(uint32, tag = "5")]
    pub busy: u32,
}
