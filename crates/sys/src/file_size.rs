//! File size limit of the process (`RLIMIT_FSIZE`, getrlimit(2)).

/// Makes a write beyond the limit fail with EFBIG only. By default the kernel also sends SIGXFSZ,
/// which kills the process and all its sessions because of one log line or handoff file. The
/// setting survives execve(2).
pub fn writes_beyond_the_size_limit_fail() {
    // SAFETY: ignoring a signal installs no handler. It cannot fail for an existing signal that may
    // be ignored.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}
