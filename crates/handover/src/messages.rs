//! The messages, encoded as Protocol Buffers: a tag identifies a field. Tags are never reused; a
//! new field gets a new tag, which older readers skip.
//!
//! Unless a field says otherwise, points in time are microseconds of `CLOCK_MONOTONIC`, which
//! continues across execve(2), and descriptors are descriptor numbers of the process.

mod forwards;
mod process;
mod worker;

pub use forwards::{
    Checked, Count, Durations, Forward, Forwards, LastCheck, Listener, Standing, StateChange,
    Target, Totals,
};
pub use process::{
    Connects, Episode, FileRead, ForwardConnects, LastReload, Name, NameFailure, PrefixFile,
    Process, Published, Sandbox, SetMember, Trial, TrialBegin,
};
pub use worker::{Address, Connecting, Held, Route, Session, Worker};
