//! Names of our listeners in the service manager's file descriptor store.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use plan::ListenAddress;

/// Distinguishes stored listeners from sockets of socket units.
const PREFIX: &str = "listener@";
/// Maximum length of a name (sd_pid_notify_with_fds(3)).
const LONGEST: usize = 255;
/// Characters that a name must not contain, and `%`, which would make the encoding ambiguous.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b':').add(b'%');

/// The name for the listener at this address. `None` if the encoded name is too long, as for a Unix
/// socket with a long non-ASCII path.
pub(super) fn name_of(address: &ListenAddress) -> Option<String> {
    let name = format!("{PREFIX}{}", utf8_percent_encode(&address.to_string(), ENCODED));
    (name.len() <= LONGEST).then_some(name)
}

/// Whether the name is one of [`name_of`].
pub(super) fn is_of_listener(name: &str) -> bool {
    name.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_and_bounded_in_length() {
        let name = |address: ListenAddress| name_of(&address);
        let unix = |path: &str| name(ListenAddress::Unix(path.into()));
        let cases = [
            (name(ListenAddress::Any { port: 80 }), "listener@%3A80"),
            (name(ListenAddress::Ip("[::1]:80".parse().unwrap())), "listener@[%3A%3A1]%3A80"),
            (unix("/a b/%"), "listener@unix%3A/a%20b/%25"),
            (unix("/é"), "listener@unix%3A/%C3%A9"),
        ];
        for (found, expected) in cases {
            assert_eq!(found.as_deref(), Some(expected));
            assert!(is_of_listener(expected));
        }
        assert_eq!(unix(&format!("/{}", "é".repeat(50))), None);
    }
}
