use crate::Errno;

/// Symbolic names (errno(3)) of the errors that socket and pipe calls return.
const NAMES: &[(Errno, &str)] = &[
    (Errno::ACCESS, "EACCES"),
    (Errno::ADDRINUSE, "EADDRINUSE"),
    (Errno::ADDRNOTAVAIL, "EADDRNOTAVAIL"),
    (Errno::AFNOSUPPORT, "EAFNOSUPPORT"),
    (Errno::AGAIN, "EAGAIN"),
    (Errno::BADF, "EBADF"),
    (Errno::CONNABORTED, "ECONNABORTED"),
    (Errno::CONNREFUSED, "ECONNREFUSED"),
    (Errno::CONNRESET, "ECONNRESET"),
    (Errno::HOSTDOWN, "EHOSTDOWN"),
    (Errno::HOSTUNREACH, "EHOSTUNREACH"),
    (Errno::INVAL, "EINVAL"),
    (Errno::IO, "EIO"),
    (Errno::MFILE, "EMFILE"),
    (Errno::NETDOWN, "ENETDOWN"),
    (Errno::NETRESET, "ENETRESET"),
    (Errno::NETUNREACH, "ENETUNREACH"),
    (Errno::NFILE, "ENFILE"),
    (Errno::NOBUFS, "ENOBUFS"),
    (Errno::NODEV, "ENODEV"),
    (Errno::NOENT, "ENOENT"),
    (Errno::NOMEM, "ENOMEM"),
    (Errno::NOPROTOOPT, "ENOPROTOOPT"),
    (Errno::NOSPC, "ENOSPC"),
    (Errno::NOSYS, "ENOSYS"),
    (Errno::NOTCONN, "ENOTCONN"),
    (Errno::NOTSUP, "EOPNOTSUPP"),
    (Errno::PERM, "EPERM"),
    (Errno::PIPE, "EPIPE"),
    (Errno::PROTO, "EPROTO"),
    (Errno::TIMEDOUT, "ETIMEDOUT"),
];

/// The symbolic name of an error number, such as `ECONNRESET`. `None` for errors that our calls do
/// not return.
pub fn errno_name(number: u16) -> Option<&'static str> {
    let known = |errno: Errno| errno.raw_os_error() == i32::from(number);
    NAMES.iter().find(|(errno, _)| known(*errno)).map(|(_, name)| *name)
}

/// The C library's description of an error, in lower case for use in a sentence: `permission
/// denied`.
pub fn errno_text(errno: Errno) -> String {
    flow::error_text(&errno.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers_have_their_names() {
        assert_eq!(errno_name(104), Some("ECONNRESET"));
        assert_eq!(errno_name(24), Some("EMFILE"));
        assert_eq!(errno_name(9999), None);
    }

    #[test]
    fn errors_have_descriptions() {
        assert_eq!(errno_text(Errno::ACCESS), "permission denied");
    }
}
