//! The tasks of `cargo xtask`, as functions that tests can call.

pub mod docs;
pub mod sim_faults;
pub mod tasks;
