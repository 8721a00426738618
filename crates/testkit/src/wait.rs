//! Waiting for a state instead of for a time. The only place that sleeps.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// The bound of every blocking operation that names no other.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Time between two looks at a state.
const STEP: Duration = Duration::from_millis(5);

/// Looks at a state until it holds.
///
/// # Panics
///
/// After `timeout`, with the name of the state.
#[track_caller]
pub fn wait_until(what: &str, timeout: Duration, mut holds: impl FnMut() -> bool) {
    wait_for(what, timeout, || holds().then_some(()));
}

/// Looks for a value until it is there.
///
/// # Panics
///
/// After `timeout`, with the name of what did not come.
#[track_caller]
pub fn wait_for<T>(what: &str, timeout: Duration, probe: impl FnMut() -> Option<T>) -> T {
    match poll(timeout, probe) {
        Some(value) => value,
        None => panic!("waited {timeout:?} in vain for: {what}"),
    }
}

/// Repeats a system call until no signal interrupts it.
///
/// A call on a socket with a time limit is interrupted even by an ignored signal (signal(7)): SIGCHLD
/// of a child of another test, if that test is just starting a further child.
pub fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Looks for a value until it is there or the time is over; looks at least once.
pub(crate) fn poll<T>(timeout: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::sleep(STEP.min(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_as_soon_as_the_state_holds() {
        let mut looks = 0;
        wait_until("three looks", LIMIT, || {
            looks += 1;
            looks == 3
        });
        assert_eq!(looks, 3);
    }

    #[test]
    fn an_interrupted_call_is_repeated() {
        let mut results =
            vec![Err(io::ErrorKind::WouldBlock), Ok(7), Err(io::ErrorKind::Interrupted)];
        let mut call = || results.pop().expect("a result is left").map_err(io::Error::from);
        assert_eq!(uninterrupted(&mut call).unwrap(), 7);
        assert_eq!(uninterrupted(&mut call).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    #[should_panic(expected = "in vain for: the moon")]
    fn names_what_did_not_come() {
        wait_until("the moon", Duration::from_millis(20), || false);
    }
}
