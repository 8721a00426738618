//! Limits on the bytes per second of a session, as configured.

use std::fmt;

use flow::Pacing;

use crate::problem::ParseError;
use crate::sizes::{format_size, parse_size};
use crate::text::{Fragment, quoted};

/// Bytes per second, such as `10MiB/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRate(pub u64);

impl fmt::Display for ByteRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", format_size(self.0))
    }
}

/// Most bytes per second of one session. Each field is a setting with a row in `rate_table.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRate {
    /// Towards the target.
    pub up: Option<ByteRate>,
    /// Towards the client.
    pub down: Option<ByteRate>,
}

impl SessionRate {
    /// The limits as the kernel gets them.
    pub fn pacing(&self) -> Pacing {
        let bytes = |rate: Option<ByteRate>| rate.map(|rate| rate.0);
        Pacing { up: bytes(self.up), down: bytes(self.down) }
    }
}

/// Parses a rate within these bounds, in bytes per second.
pub(crate) fn parse_byte_rate(
    text: Fragment<'_>,
    min: u64,
    max: u64,
) -> Result<ByteRate, ParseError> {
    let Some(size) = text.text.strip_suffix("/s") else {
        let error = text.error(format!("{} is not a rate", quoted(text.text)));
        let hint = bits_hint(text.text, min);
        return Err(
            error.hint(hint.unwrap_or("write a size per second, as in `10MiB/s`".to_owned()))
        );
    };
    let rate = parse_size(size).map(ByteRate).map_err(|error| {
        let rate = error.hint.as_deref().and_then(|hint| hint.strip_prefix("did you mean `"));
        let rate = rate.and_then(|rate| rate.strip_suffix("`?"));
        let rate = rate.map(|rate| format!("did you mean `{rate}/s`?"));
        error.hint_if(bits_hint(text.text, min).or(rate))
    })?;
    let bound = if rate.0 < min {
        format!("less than {}", ByteRate(min))
    } else if rate.0 > max {
        format!("more than {}", ByteRate(max))
    } else {
        return Ok(rate);
    };
    Err(text.error(format!("{} is {bound}", quoted(text.text))))
}

/// The hint for a rate in bits: `2Mbit/s`, `2Mbps`, `2Mb/s`.
fn bits_hint(text: &str, min: u64) -> Option<String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.get(digits.len()..)?.trim();
    let factor = match unit.chars().next()?.to_ascii_lowercase() {
        'k' => 1_000,
        'm' => 1_000_000,
        'g' => 1_000_000_000,
        _ => return None,
    };
    let rest = unit.get(1..)?;
    // `MB` is one of bytes.
    let is_bits =
        ["bit", "bits", "bps", "b"].iter().any(|it| rest.strip_suffix("/s").unwrap_or(rest) == *it);
    let bits = digits.parse::<u64>().ok().filter(|_| is_bits)?.checked_mul(factor)?;
    let bytes = bits.div_ceil(8).max(min);
    Some(format!("rates are in bytes: write `{bytes}/s`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        let rate = parse_byte_rate(Fragment::new(text), 1 << 16, 1 << 40);
        rate.map(|rate| rate.to_string()).map_err(|error| error.message)
    }

    #[test]
    fn rates_come_back() {
        for (text, written) in
            [("64KiB/s", "64KiB/s"), ("1000000/s", "1000000/s"), ("1024GiB/s", "1TiB/s")]
        {
            assert_eq!(parsed(text).as_deref(), Ok(written));
        }
    }

    #[test]
    fn the_hint_of_a_wrong_rate_is_a_rate() {
        for (text, hint) in [
            ("2Mbit/s", "rates are in bytes: write `250000/s`"),
            ("100Mbps", "rates are in bytes: write `12500000/s`"),
            ("1kb/s", "rates are in bytes: write `65536/s`"),
            ("10MB/s", "did you mean `10MiB/s`?"),
            ("10MiB", "write a size per second, as in `10MiB/s`"),
        ] {
            let error = parse_byte_rate(Fragment::new(text), 1 << 16, 1 << 40).unwrap_err();
            assert_eq!(error.hint.as_deref(), Some(hint), "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_is_explained() {
        for (text, message) in [
            ("10MiB", "`10MiB` is not a rate"),
            ("10MiB/m", "`10MiB/m` is not a rate"),
            ("/s", "`` is not a size"),
            ("fast/s", "`fast` is not a size"),
            ("10MB/s", "`MB` is not a unit of size"),
            ("63KiB/s", "`63KiB/s` is less than 64KiB/s"),
            ("2TiB/s", "`2TiB/s` is more than 1TiB/s"),
        ] {
            assert_eq!(parsed(text), Err(message.to_owned()), "{text}");
        }
    }
}
