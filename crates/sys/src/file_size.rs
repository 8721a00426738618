//! The limit on the size of files (`RLIMIT_FSIZE`, getrlimit(2)).

/// Makes a write beyond the limit fail with EFBIG. By default the kernel sends SIGXFSZ as well, and
/// that ends the process with all its sessions: for a line of the log, or for the state that an
/// upgrade hands on. Execve(2) keeps it.
pub fn writes_beyond_the_size_limit_fail() {
    // SAFETY: ignoring a signal installs no handler. It cannot fail for a signal that exists and may
    // be ignored.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}
