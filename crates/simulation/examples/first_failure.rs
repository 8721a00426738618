//! Runs the histories of a normal test run, and prints the first one that breaks a rule: its seed, the line
//! of the code that found it, and the message, with tabs between them. Prints nothing if there is none.
//! `cargo xtask sim-faults` reads it.

#![allow(clippy::print_stdout, reason = "a command line answers there")]

use simulation::{HISTORIES, first_failure};

fn main() {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if let Err((seed, failure)) = first_failure(0..HISTORIES, threads, |_| true) {
        let message = failure.message.replace('\n', " ");
        println!("{seed}\t{}\t{message}", failure.place);
    }
}
