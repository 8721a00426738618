//! State that an upgrade in place hands from one process image to the next: the messages, and the
//! file that holds them.
//!
//! This crate opens no sockets and knows no session logic: descriptors are plain numbers, and crate
//! `flow` encodes its own state as packed numbers. Reading never panics, whatever the bytes.

#![forbid(unsafe_code)]

mod file;
pub use file::{Damage, File, MAJOR, MINOR, Part, WriteFile};

mod numbers;
pub use numbers::{pack, unpack};

mod messages;
pub use messages::{
    Address, Checked, Connecting, Connects, Count, Durations, Episode, FileRead, Forward,
    ForwardConnects, Forwards, Held, LastCheck, LastReload, Listener, Name, NameFailure,
    PrefixFile, Process, Published, Route, Sandbox, Session, SetMember, Standing, StateChange,
    Target, Totals, Trial, TrialBegin, Worker,
};

/// A duration in whole microseconds, the unit of all messages. Saturates at 584,000 years.
pub fn micros(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Encodes a message as Protocol Buffers.
pub fn encode(message: &impl prost::Message) -> Vec<u8> {
    message.encode_to_vec()
}

/// Decodes a message. Unknown fields are skipped; missing fields get their default. `None` if the
/// bytes are malformed.
pub fn decode<M: prost::Message + Default>(bytes: &[u8]) -> Option<M> {
    M::decode(bytes).ok()
}
