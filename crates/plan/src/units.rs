//! Durations with units: `500ms`, `30s`, `1h30m`, `1.5s`, `2d`.

use std::fmt::Write as _;
use std::time::Duration;

use crate::problem::ParseError;
use crate::text::{cut, quoted};

/// Units in nanoseconds, longest first. Output uses the first name of each size.
const UNITS: [(&str, u128); 9] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
];

const UNITS_HINT: &str = "units are ms, s, m, h and d, as in `500ms`, `30s` or `1h30m`";

/// Fraction digits that are evaluated. Further ones are below a nanosecond for all units but days.
const FRACTION_DIGITS_MAX: usize = 18;

/// Parses a duration: numbers with units, such as `1h30m` or `1.5s`.
pub fn parse_duration(text: &str) -> Result<Duration, ParseError> {
    let all = 0..text.len();
    if text.trim().is_empty() {
        return Err(ParseError::new(all, "the duration is empty").hint(UNITS_HINT));
    }
    if text.trim_start().starts_with('-') {
        return Err(ParseError::new(all, format!("{} is negative", quoted(text))));
    }
    let mut nanos = 0u128;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (part, after) = parse_part(rest, text)?;
        nanos = nanos.saturating_add(part);
        rest = after.trim_start();
    }
    let seconds = u64::try_from(nanos / 1_000_000_000);
    let below = u32::try_from(nanos % 1_000_000_000);
    match (seconds, below) {
        (Ok(seconds), Ok(below)) => Ok(Duration::new(seconds, below)),
        _ => Err(ParseError::new(all, format!("{} is too long", quoted(text)))),
    }
}

/// Parses one number with its unit. Returns the nanoseconds and the remaining text.
fn parse_part<'a>(rest: &'a str, whole: &str) -> Result<(u128, &'a str), ParseError> {
    let error = |message: String| ParseError::new(0..whole.len(), message);
    let (number, after) = split_while(rest, |c| c.is_ascii_digit() || c == '.');
    let (unit, after) = split_while(after, char::is_alphabetic);
    let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (integer.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        let message = format!("{} is not a duration", quoted(whole));
        return Err(error(message).hint(UNITS_HINT));
    }
    if unit.is_empty() {
        let message = format!("{} has no unit", quoted(whole));
        let hint = if number == whole {
            format!("add a unit, as in \"{0}s\" or \"{0}ms\"", cut(number))
        } else {
            UNITS_HINT.to_owned()
        };
        return Err(error(message).hint(hint));
    }
    let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let message = format!("{} is not a unit of time", quoted(unit));
        return Err(error(message).hint(UNITS_HINT));
    };
    nanoseconds(integer, fraction, *size)
        .map(|nanos| (nanos, after))
        .ok_or_else(|| error(format!("{} is too long", quoted(whole))))
}

/// `integer.fraction` times `size`, rounded down; `None` on overflow.
fn nanoseconds(integer: &str, fraction: &str, size: u128) -> Option<u128> {
    let whole = if integer.is_empty() { 0 } else { integer.parse::<u128>().ok()? };
    let fraction = fraction.get(..FRACTION_DIGITS_MAX).unwrap_or(fraction);
    let digits = u32::try_from(fraction.len()).ok()?;
    let parts = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let below = parts.checked_mul(size)? / 10u128.checked_pow(digits)?;
    whole.checked_mul(size)?.checked_add(below)
}

fn split_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !keep(c)).unwrap_or(text.len()))
}

/// Formats a duration for [`parse_duration`]: 90 s is `1m30s`.
pub fn format_duration(duration: Duration) -> String {
    let mut nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, size) in UNITS {
        if nanos >= size {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{name}", nanos / size);
            nanos %= size;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: [(&str, Duration); 16] = [
        ("500ms", Duration::from_millis(500)),
        ("30s", Duration::from_secs(30)),
        ("5m", Duration::from_secs(300)),
        ("1h30m", Duration::from_secs(5400)),
        ("1h 30m", Duration::from_secs(5400)),
        ("1.5s", Duration::from_millis(1500)),
        (".5s", Duration::from_millis(500)),
        ("1.s", Duration::from_secs(1)),
        ("2d", Duration::from_secs(172_800)),
        ("10us", Duration::from_micros(10)),
        ("10µs", Duration::from_micros(10)),
        ("7ns", Duration::from_nanos(7)),
        ("0s", Duration::ZERO),
        ("1s500ms", Duration::from_millis(1500)),
        ("0.000000000000000000000000001d", Duration::ZERO),
        (" 3s ", Duration::from_secs(3)),
    ];

    #[test]
    fn durations_are_parsed() {
        for (text, expected) in VALID {
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn invalid_durations_are_explained() {
        let long = format!("{}s", "9".repeat(60));
        let cases = [
            ("", "is empty"),
            ("  ", "is empty"),
            ("5", "`5` has no unit"),
            ("1m5", "`1m5` has no unit"),
            ("-5s", "`-5s` is negative"),
            ("s", "`s` is not a duration"),
            (".s", "`.s` is not a duration"),
            ("1.2.3s", "`1.2.3s` is not a duration"),
            ("5 s", "`5 s` has no unit"),
            ("5min", "`min` is not a unit of time"),
            ("five", "`five` is not a duration"),
            ("5s!", "`5s!` is not a duration"),
            ("99999999999999999999d", "too long"),
            ("18446744073709551616s", "too long"),
            (long.as_str(), "too long"),
        ];
        for (text, expected) in cases {
            let error = parse_duration(text).expect_err(text);
            assert!(error.message.contains(expected), "{text}: {}", error.message);
        }
        let hint = parse_duration("5").expect_err("no unit").hint;
        assert_eq!(hint.as_deref(), Some("add a unit, as in \"5s\" or \"5ms\""));
    }

    #[test]
    fn durations_round_trip() {
        let cases = [
            (Duration::from_secs(90), "1m30s"),
            (Duration::from_secs(3600), "1h"),
            (Duration::from_millis(1500), "1s500ms"),
            (Duration::from_secs(90_061), "1d1h1m1s"),
            (Duration::ZERO, "0s"),
            (Duration::new(0, 1_001_001), "1ms1us1ns"),
        ];
        for (duration, expected) in cases {
            assert_eq!(format_duration(duration), expected);
            assert_eq!(parse_duration(expected), Ok(duration));
        }
        let longest = format_duration(Duration::MAX);
        assert_eq!(parse_duration(&longest), Ok(Duration::MAX), "{longest}");
    }
}
