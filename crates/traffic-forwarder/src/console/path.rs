//! Percent-encoded paths and queries of the admin interface.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use std::fmt::Write as _;

/// Encodes all but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes one path segment.
pub(crate) fn part(text: &str) -> String {
    percent_encode(text.as_bytes(), ENCODED).to_string()
}

/// Appends the parameters that have a value as a query.
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
    fn a_name_cannot_escape_its_path_segment() {
        assert_eq!(part(":80/../x?y=%41 ü"), "%3A80%2F..%2Fx%3Fy%3D%2541%20%C3%BC");
    }

    #[test]
    fn parameters_without_a_value_are_omitted() {
        let parameters = [("a", None), ("b", Some(&b"1&2"[..])), ("c", Some(&b"/x-y"[..]))];
        assert_eq!(with_query("/v1/x", &parameters), "/v1/x?b=1%262&c=%2Fx-y");
        assert_eq!(with_query("/v1/x", &parameters[..1]), "/v1/x");
    }
}
