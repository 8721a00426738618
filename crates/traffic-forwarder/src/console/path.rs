//! Paths of the admin interface, with what people typed in them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use std::fmt::Write as _;

/// What stands for itself in a path and in a query (RFC 3986, "unreserved").
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A part of a path.
pub(crate) fn part(text: &str) -> String {
    percent_encode(text.as_bytes(), ENCODED).to_string()
}

/// A path with the parameters that have a value.
pub(crate) fn with_query(path: &str, parameters: &[(&str, Option<&[u8]>)]) -> String {
    let mut whole = path.to_owned();
    let given = parameters.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    for (index, (name, value)) in given.enumerate() {
        let mark = if index == 0 { '?' } else { '&' };
        // Writing to a String cannot fail.
        let _ = write!(whole, "{mark}{name}={}", percent_encode(value, ENCODED));
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_part() {
        assert_eq!(part(":80/../x?y=%41 ü"), "%3A80%2F..%2Fx%3Fy%3D%2541%20%C3%BC");
    }

    #[test]
    fn only_given_parameters_are_sent() {
        let parameters = [("a", None), ("b", Some(&b"1&2"[..])), ("c", Some(&b"/x-y"[..]))];
        assert_eq!(with_query("/v1/x", &parameters), "/v1/x?b=1%262&c=%2Fx-y");
        assert_eq!(with_query("/v1/x", &parameters[..1]), "/v1/x");
    }
}
