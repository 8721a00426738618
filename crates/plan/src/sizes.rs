//! Sizes in bytes with units: `64KiB`, `10MiB`, `1GiB`, `1000000`.

use crate::problem::ParseError;
use crate::text::{cut, quoted};

/// Units in bytes, largest first.
const UNITS: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

const UNITS_HINT: &str =
    "a whole number of bytes, or one with KiB, MiB, GiB or TiB, as in `64KiB` or `10MiB`";

/// Parses a size: a whole number with a unit, or a plain number of bytes.
pub fn parse_size(text: &str) -> Result<u64, ParseError> {
    let error = |message: String| ParseError::new(0..text.len(), message);
    let digits = text.trim().trim_end_matches(char::is_alphabetic).trim_end();
    let unit = text.trim().get(digits.len()..).unwrap_or_default().trim_start();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(error(format!("{} is not a size", quoted(text))).hint(UNITS_HINT));
    }
    let size = match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, size)) => *size,
        None if unit.is_empty() => 1,
        None => return Err(unknown_unit(error(message(unit)), digits, unit)),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(size));
    bytes.ok_or_else(|| error(format!("{} is too large", quoted(text))))
}

fn message(unit: &str) -> String {
    format!("{} is not a unit of size", quoted(unit))
}

/// Suggests `MiB` for `m`, `MB` and `mib`. They are not accepted, because they may mean powers of
/// 1000.
fn unknown_unit(error: ParseError, digits: &str, unit: &str) -> ParseError {
    let initial = |name: &str| name.chars().next().map(|c| c.to_ascii_uppercase());
    match UNITS.iter().find(|(name, _)| initial(name) == initial(unit)) {
        Some((name, _)) => error.hint(format!("did you mean `{}{name}`?", cut(digits))),
        None => error.hint(UNITS_HINT),
    }
}

/// Formats a size for [`parse_size`], in the largest unit that is exact.
pub fn format_size(bytes: u64) -> String {
    match UNITS.iter().find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size)) {
        Some((name, size)) if *size > 1 => format!("{}{name}", bytes / size),
        _ => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_trip() {
        let cases = [
            ("0", 0, "0"),
            ("1000000", 1_000_000, "1000000"),
            ("512B", 512, "512"),
            ("64KiB", 65_536, "64KiB"),
            ("1024KiB", 1 << 20, "1MiB"),
            (" 10 MiB ", 10 << 20, "10MiB"),
            ("1536MiB", 1536 << 20, "1536MiB"),
            ("1GiB", 1 << 30, "1GiB"),
            ("3TiB", 3 << 40, "3TiB"),
            ("18446744073709551615", u64::MAX, "18446744073709551615"),
        ];
        for (text, bytes, written) in cases {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
            assert_eq!(format_size(bytes), written);
            assert_eq!(parse_size(written), Ok(bytes));
        }
    }

    #[test]
    fn invalid_sizes_are_explained() {
        let cases = [
            ("", "`` is not a size", "as in `64KiB`"),
            ("MiB", "`MiB` is not a size", "as in `64KiB`"),
            ("-1", "`-1` is not a size", "as in `64KiB`"),
            ("1.5GiB", "`1.5GiB` is not a size", "a whole number"),
            ("1 000", "`1 000` is not a size", "a whole number"),
            ("10M", "`M` is not a unit", "did you mean `10MiB`?"),
            ("10mib", "`mib` is not a unit", "did you mean `10MiB`?"),
            ("7GB", "`GB` is not a unit", "did you mean `7GiB`?"),
            ("5x", "`x` is not a unit", "as in `64KiB`"),
        ];
        for (text, message, hint) in cases {
            let error = parse_size(text).expect_err(text);
            assert!(error.message.contains(message), "{text}: {}", error.message);
            assert!(error.hint.as_deref().is_some_and(|found| found.contains(hint)), "{error}");
        }
        for text in ["99999999999999999999", "16777216TiB"] {
            let error = parse_size(text).expect_err(text);
            assert!(error.message.contains("is too large"), "{}", error.message);
        }
    }
}
