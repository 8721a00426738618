//! What a process leaves to the image that follows it in an upgrade in place: the messages, and the
//! file that holds them.
//!
//! This crate knows no sockets and no sessions: descriptors are numbers here, and a session is what
//! its own crate makes of its numbers. Whatever a file holds, reading it never panics.

#![forbid(unsafe_code)]

mod file;
pub use file::{Damage, File, MAJOR, MINOR, Part, WriteFile};

mod numbers;
pub use numbers::{pack, unpack};

mod messages;
pub use messages::{
    Address, Connecting, Count, Durations, FileRead, Forward, Forwards, Held, LastReload, Listener,
    Process, Route, Sandbox, Session, Standing, Totals, Trial, Worker,
};

/// A span in whole microseconds, as messages carry it. Saturates at 584,000 years.
pub fn micros(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Encodes a message.
pub fn encode(message: &impl prost::Message) -> Vec<u8> {
    message.encode_to_vec()
}

/// Decodes a message. Fields that this version does not know are skipped; those that are missing
/// have their default. `None` if these bytes are no such message.
pub fn decode<M: prost::Message + Default>(bytes: &[u8]) -> Option<M> {
    M::decode(bytes).ok()
}
