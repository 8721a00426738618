//! Histories of publishers and instances, decided by a seed: faults of the store, killed publishers, instances that
//! refuse, fall back, vanish and restart.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod clearing;
mod command;
mod endings;
mod histories;
mod instance;
#[path = "../follower/process.rs"]
mod process;
mod publisher;
mod refusals;
mod store;
mod world;
