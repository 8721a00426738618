//! Options that all console commands share.

use crate::console::endpoint::Endpoint;
use clap::Args;
use plan::ParseError;
use plan::units::parse_duration;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A shorter period would load the process more than its sessions do.
const SHORTEST_PERIOD: Duration = Duration::from_millis(100);

/// Options of a command that queries the process once.
#[derive(Args, Debug)]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// Print the answer as JSON, and errors as JSON on standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options that locate the process.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConnectArgs {
    /// The address of the process's admin interface: unix:/PATH, or 127.0.0.1:PORT with
    /// --token-file. The default is $TRAFFIC_FORWARDER_ADMIN if set, else
    /// /run/traffic-forwarder/admin.sock, then $XDG_RUNTIME_DIR/traffic-forwarder/admin.sock.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<Endpoint>,
    /// A file with the token that a TCP admin interface requires.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Without --admin: take the address and token file from the `admin` and `admin_token_file` of
    /// this configuration file.
    #[arg(short, long, alias = "config", value_name = "FILE")]
    pub(crate) conf: Option<PathBuf>,
}

/// The option to repeat a query.
#[derive(Args, Debug)]
pub(crate) struct WatchArgs {
    /// Repeat every SECONDS (2 by default) until Ctrl-C; with --json, print one line each time.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = period
    )]
    pub(crate) watch: Option<Duration>,
}

/// Parses a duration with a unit.
pub(crate) fn duration(text: &str) -> Result<Duration, DurationError> {
    parse_duration(text).map_err(DurationError::Invalid)
}

/// The reason why a text is no duration for an option.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DurationError {
    Invalid(ParseError),
    TooShort,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(ParseError { message, hint: Some(hint), .. }) => {
                write!(f, "{message}; {hint}")
            }
            Self::Invalid(ParseError { message, .. }) => f.write_str(message),
            Self::TooShort => {
                let shortest = plan::units::format_duration(SHORTEST_PERIOD);
                write!(f, "the shortest period is {shortest}")
            }
        }
    }
}

impl std::error::Error for DurationError {}

/// Parses a period: a bare number of seconds, or a duration with a unit.
fn period(text: &str) -> Result<Duration, DurationError> {
    let bare = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let period = bare.map_or_else(|| duration(text), Ok)?;
    if period < SHORTEST_PERIOD { Err(DurationError::TooShort) } else { Ok(period) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_a_number_of_seconds_or_a_duration() {
        let cases = [("2", 2000), ("0.5", 500), ("500ms", 500), ("1m", 60_000), ("0.1", 100)];
        for (text, millis) in cases {
            assert_eq!(period(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["0", "-1", "NaN", "inf", "soon", "0.01"] {
            assert!(period(text).is_err(), "{text}");
        }
    }
}
