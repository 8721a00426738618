//! A bound on the time of the whole run.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::report::complain;

/// The present step.
static STEP: Mutex<&'static str> = Mutex::new("the start");

/// Names the step that runs from now on.
pub(super) fn step(name: &'static str) {
    *STEP.lock().unwrap_or_else(PoisonError::into_inner) = name;
}

/// Ends this process, and with it its PID namespace, if the run takes longer.
pub(super) fn start(limit: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        let step = *STEP.lock().unwrap_or_else(PoisonError::into_inner);
        complain(&format!("error: not done within {} s; the step was: {step}", limit.as_secs()));
        std::process::exit(1);
    });
}
