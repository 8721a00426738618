//! Limits on one client, as configured.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use flow::{Prefix, Rate};

use crate::problem::ParseError;
use crate::text::{Fragment, quoted};

/// What one client may hold and open, and how clients are distinguished. Each field is a setting with a row in
/// `settings.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerClient {
    /// Maximum number of concurrent sessions.
    pub sessions: Option<NonZeroU32>,
    /// New sessions per time.
    pub new: Option<PerTime>,
    /// New sessions at once; `None` is as many as `new` allows in its unit of time.
    pub burst: Option<NonZeroU32>,
    /// The part of an address that identifies a client.
    pub prefix: PrefixLengths,
    /// Clients without limits.
    pub exempt: Networks,
}

impl PerClient {
    /// The limit on new sessions.
    pub fn rate(&self) -> Option<Rate> {
        let new = self.new?;
        Some(Rate::new(new.count.get(), new.unit.duration(), self.burst.unwrap_or(new.count)))
    }
}

/// A number per unit of time, such as `20/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerTime {
    /// The number.
    pub count: NonZeroU32,
    /// The unit.
    pub unit: TimeUnit,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
}

/// Most events per unit of time: more are no limit.
const MOST: u32 = 1_000_000;

impl TimeUnit {
    /// Its duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        })
    }
}

/// A text is no [`PerTime`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPerTime;

impl FromStr for PerTime {
    type Err = NotPerTime;

    fn from_str(text: &str) -> Result<Self, NotPerTime> {
        let (count, unit) = text.split_once('/').ok_or(NotPerTime)?;
        let unit = match unit {
            "s" => TimeUnit::Second,
            "m" => TimeUnit::Minute,
            "h" => TimeUnit::Hour,
            _ => return Err(NotPerTime),
        };
        let is_number = count.bytes().all(|byte| byte.is_ascii_digit());
        let count = count.parse().ok().filter(|count| is_number && (1..=MOST).contains(count));
        let count = count.and_then(NonZeroU32::new).ok_or(NotPerTime)?;
        Ok(Self { count, unit })
    }
}

/// Parses a number per unit of time.
pub(crate) fn parse_per_time(text: Fragment<'_>) -> Result<PerTime, ParseError> {
    text.text.parse().map_err(|NotPerTime| {
        let message = format!("{} is not a number per time such as \"20/s\"", quoted(text.text));
        text.error(message).hint("write a number from 1 to 1000000, then /s, /m or /h")
    })
}

impl fmt::Display for PerTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            TimeUnit::Second => "s",
            TimeUnit::Minute => "m",
            TimeUnit::Hour => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// Lengths of the prefixes by which clients are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixLengths {
    /// Of IPv4 addresses: 1 to 32.
    pub v4: u8,
    /// Of IPv6 addresses: 1 to 128.
    pub v6: u8,
}

impl PrefixLengths {
    /// Each IPv4 address, and each network of IPv6, is a client.
    pub const DEFAULT: Self = Self { v4: 32, v6: 64 };

    /// Two lengths; `None` if one is not possible.
    pub(crate) fn of(v4: u32, v6: u32) -> Option<Self> {
        let length = |length: u32, most: u8| {
            u8::try_from(length).ok().filter(|length| (1..=most).contains(length))
        };
        Some(Self { v4: length(v4, 32)?, v6: length(v6, 128)? })
    }
}

impl fmt::Display for PrefixLengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.v4, self.v6)
    }
}

/// A list of prefixes, without files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(pub Vec<Prefix>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_per_time_come_back() {
        for text in ["20/s", "1/m", "1000000/h"] {
            assert_eq!(text.parse::<PerTime>().map(|it| it.to_string()).as_deref(), Ok(text));
        }
        for text in
            ["", "20", "/s", "20/", "20/d", "0/s", "-1/s", "+1/s", "1000001/s", "2.5/s", "1/s/s"]
        {
            assert_eq!(text.parse::<PerTime>(), Err(NotPerTime), "{text}");
        }
    }

    #[test]
    fn lengths_beyond_the_addresses_are_refused() {
        for (v4, v6) in [(0, 64), (33, 64), (32, 0), (32, 129), (300, 64), (32, 320)] {
            assert_eq!(PrefixLengths::of(v4, v6), None, "{v4} {v6}");
        }
        assert_eq!(PrefixLengths::of(32, 64), Some(PrefixLengths::DEFAULT));
    }
}
