//! `tf-load`: servers and clients that load a TCP forwarder, and the side-by-side benchmark.
//!
//! ```text
//!   client (rr, crr, bulk, idle, latency, verify) ---> subject ---> serve (echo, sink, ...)
//!                          `compare` starts all three, in turns for every subject
//! ```
//!
//! BENCHMARKING.md describes the measurements and their limits.

mod failure;
mod fields;
mod report;
mod stats;

mod histogram;
mod tally;
mod window;

mod hub;
mod random;
mod slots;
mod socket;
mod timer;

mod client;
mod serve;
mod verify;

mod compare;
mod fidelity;

mod abuse;
mod failover;
mod fleet;
mod trial;

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    sys::raise_open_files_limit();
    match cli::Cli::parse().run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            report::complain(&format!("error: {failure}"));
            ExitCode::FAILURE
        }
    }
}
