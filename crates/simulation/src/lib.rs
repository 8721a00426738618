//! The real engine on the simulated kernel of `testkit::sim`: histories of many sessions, several workers
//! and an operator, in an order chosen by a seed, with the rules of the engine checked after every step.
//!
//! ```text
//!   script -> history -> control (the engine's control side: reload, drain, upgrade ...)
//!                     -> world   (workers, peers, hosts, resolver, clock: one step at a time)
//!   attempt (one run) -> explore (many seeds), shrink (a short script)
//! ```

pub mod random;
pub mod script;
pub use script::Script;

mod conditions;
mod content;
mod summary;
pub use summary::{Summary, Totals};

mod network;
mod trace;

mod facts;
mod greeted;
mod host;
mod names;
mod opening;
mod peer;
mod preface;
mod progress;
mod session;
mod tally;

mod checks;
mod closes;
mod stall;
mod targets;
mod verdict;
mod waiting;
mod waits;

mod world;

mod control;
mod history;

mod attempt;
mod explore;
mod shrink;
pub use attempt::{Failure, attempt};
pub use explore::{HISTORIES, explore, first_failure, replay, report};
