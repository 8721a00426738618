//! The messages, in the encoding of Protocol Buffers: a field is known by its number. A number is
//! never used for anything else again; what is added gets a new one, which older readers skip.
//!
//! Moments are microseconds of `CLOCK_MONOTONIC`, which goes on over execve(2), unless a field says
//! otherwise. Descriptors are numbers of the process.

mod forwards;
mod process;
mod worker;

pub use forwards::{Count, Durations, Forward, Forwards, Listener, Standing, Totals};
pub use process::{FileRead, LastReload, Process, Sandbox, Trial};
pub use worker::{Address, Connecting, Held, Route, Session, Worker};
