//! The publisher's side: `publish`, `rollout continue` and `rollout back`, as a machine without I/O.
//!
//! ```text
//! text -> trial on canaries -> hold -> trial on all -> hold -> stable -> clean-up
//!                 \________ refused, fell back, gone: back ________/
//! ```
//!
//! Each arrow is one transaction on `current` that compares the change before it, so of two publishers one goes on,
//! and a publisher that dies leaves a trial from which every instance falls back without it.

mod begin;
mod canary;
mod endings;
mod first;
mod follow;
mod line;
mod machine;
mod messages;
mod reading;
mod revise;
mod settle;
mod step;

pub use canary::{Canary, CanaryError};
pub use line::{
    Change, FailureLine, Fault, InterruptLine, Line, RefusalLine, ResultLine, StepLine, WarningLine,
};
pub use machine::Rollout;
pub use messages::{Decision, Input, Outcome, Publication, Removal, Request, Turn, Work};
pub use reading::{FleetReading, Found};
