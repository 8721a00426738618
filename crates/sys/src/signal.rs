//! Dispositions of signals.

/// Whether the process ignores this signal, by its number. A program that starts another one may
/// have it ignored there (nohup(1), background jobs of scripts), and execve(2) keeps that.
pub fn is_ignored(signal: i32) -> bool {
    let mut present = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action the call only writes the present one, and initializes it if it
    // succeeds.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), present.as_mut_ptr()) == 0
            && present.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(test)]
mod tests {
    use super::is_ignored;

    #[test]
    fn dispositions_are_told_apart() {
        // The standard library ignores SIGPIPE at the start.
        assert!(is_ignored(libc::SIGPIPE));
        assert!(!is_ignored(libc::SIGWINCH));
        assert!(!is_ignored(-1), "no such signal");
    }
}
