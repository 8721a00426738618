//! Namespaces of the kernel, for root and for others.

use rustix::process::geteuid;

/// The arguments by which unshare(1) gives a program namespaces of this kind, such as `--mount`, to
/// root or not.
pub fn unshare_arguments(kind: &str) -> Vec<&str> {
    let user: &[_] = if geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    [user, &[kind]].concat()
}
