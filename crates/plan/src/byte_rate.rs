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
        return Err(error.hint("write a size per second, as in `10MiB/s`"));
    };
    let rate = ByteRate(parse_size(size)?);
    let bound = if rate.0 < min {
        format!("less than {}", ByteRate(min))
    } else if rate.0 > max {
        format!("more than {}", ByteRate(max))
    } else {
        return Ok(rate);
    };
    Err(text.error(format!("{} is {bound}", quoted(text.text))))
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
