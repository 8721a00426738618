//! Whom commands ask, how often, and how they print the answer.

use crate::console::place::Place;
use clap::Args;
use plan::units::parse_duration;
use std::path::PathBuf;
use std::time::Duration;

/// Shorter, and looking would be more work than what is looked at.
const SHORTEST_PERIOD: Duration = Duration::from_millis(100);

/// Whom to ask, and how to print the answer.
#[derive(Args, Debug)]
pub(crate) struct Reach {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// Print the answer as JSON, and a failure as JSON on standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whom to ask.
#[derive(Args, Clone, Debug)]
pub(crate) struct Whom {
    /// Admin address of the process: unix:/PATH, or 127.0.0.1:PORT with --token-file. By default
    /// $TRAFFIC_FORWARDER_ADMIN if that is set, else /run/traffic-forwarder/admin.sock, then
    /// $XDG_RUNTIME_DIR/traffic-forwarder/admin.sock.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<Place>,
    /// File with the token, which a port needs.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Without --admin: use `admin` and `admin_token_file` of this configuration file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) conf: Option<PathBuf>,
}

/// Whether to look again and again.
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// Repeat every SECONDS (2 by default) until Ctrl-C; with --json, one line each time.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = period
    )]
    pub(crate) watch: Option<Duration>,
}

/// A duration with its unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|fault| match fault.hint {
        Some(hint) => format!("{}; {hint}", fault.message),
        None => fault.message,
    })
}

/// Seconds as a bare number, or a duration with its unit.
fn period(text: &str) -> Result<Duration, String> {
    let bare = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let period = bare.map_or_else(|| duration(text), Ok)?;
    let shortest = plan::units::format_duration(SHORTEST_PERIOD);
    if period < SHORTEST_PERIOD { Err(format!("less than {shortest}")) } else { Ok(period) }
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
