//! The commands that question or steer a running process.

use crate::client::place::Place;
use clap::{Args, Subcommand, ValueEnum};
use plan::units::parse_duration;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Shorter, and looking would be more work than what is looked at.
const SHORTEST_PERIOD: Duration = Duration::from_millis(100);

#[derive(Subcommand, Debug)]
pub(crate) enum Operation {
    /// Show the running process and its forwards, or one forward with its settings.
    Status(Status),
    /// List the open sessions, or show one.
    Sessions(Sessions),
    /// End a session at once: both its sides see a reset.
    Kill(Kill),
    /// Take no new sessions for a forward; the open ones go on.
    Drain(Named),
    /// Take new sessions again for a forward that drains, or that was skipped.
    Resume(Named),
    /// Read the configuration again and run by it, all of it or, if anything is wrong, nothing.
    Reload(Reload),
    /// Say what a reload would add, change and remove, and change nothing.
    Plan(Plan),
    /// Keep a configuration that was reloaded with --confirm.
    Confirm(Reach),
    /// Become the program that is installed by now: same process, every listener, every session.
    Upgrade(Upgrade),
    /// Take a profile of the running process: where it spends its CPU time, or who allocates
    /// memory. Only of one that was built with `make build profile=1`.
    Profile(Profile),
    /// Watch and steer the running process on the whole terminal: rates, forwards, sessions.
    Top(Whom),
}

/// Whom to ask, and how to print the answer.
#[derive(Args, Debug)]
pub(crate) struct Reach {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// Print the answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whom to ask.
#[derive(Args, Debug)]
pub(crate) struct Whom {
    /// Where the process answers: unix:/PATH, or 127.0.0.1:PORT with --token-file. By default
    /// /run/traffic-forwarder/admin.sock, then $XDG_RUNTIME_DIR/traffic-forwarder/admin.sock.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<Place>,
    /// The file with the token that a port asks for.
    #[arg(long, value_name = "FILE", requires = "admin")]
    pub(crate) token_file: Option<PathBuf>,
}

/// Whether to look again and again.
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// Show it again every so many seconds (2 if not given) until Ctrl-C.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = period,
        conflicts_with = "json"
    )]
    pub(crate) watch: Option<Duration>,
}

#[derive(Args, Debug)]
pub(crate) struct Status {
    /// Show this forward only, with its settings and how its sessions ended.
    #[arg(value_name = "FORWARD")]
    pub(crate) forward: Option<String>,
    /// Only say whether the process is ready, by one line and the exit status: 0 if it is, 1 if
    /// not. For health checks.
    #[arg(long, conflicts_with_all = ["forward", "watch", "json"])]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) watch: Watch,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Args, Debug)]
pub(crate) struct Sessions {
    /// Show this session only.
    #[arg(value_name = "ID", conflicts_with_all = ["forward", "client", "sort", "limit"])]
    pub(crate) id: Option<u64>,
    /// Only those of this forward.
    #[arg(long, value_name = "NAME")]
    pub(crate) forward: Option<String>,
    /// Only those of the clients at this IP address.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) client: Option<IpAddr>,
    /// What comes first.
    #[arg(long, value_enum, default_value_t = Sort::Rate)]
    pub(crate) sort: Sort,
    /// How many at most, up to 10000.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) watch: Watch,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// The order of sessions; the server sorts.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum Sort {
    /// The oldest.
    Age,
    /// The busiest just now.
    Rate,
    /// Those that moved most bytes.
    Bytes,
    /// Those that have been idle longest.
    Idle,
    /// The lowest number.
    Id,
}

impl Sort {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Rate => "rate",
            Self::Bytes => "bytes",
            Self::Idle => "idle",
            Self::Id => "id",
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Kill {
    /// The session's number.
    #[arg(value_name = "ID")]
    pub(crate) id: u64,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The forward.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Args, Debug)]
pub(crate) struct Reload {
    /// Only say what would be changed, as `plan` does.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go back to the configuration of now after this time, unless `confirm` comes before (60s,
    /// 5m).
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "dry_run")]
    pub(crate) confirm: Option<Duration>,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Args, Debug)]
pub(crate) struct Plan {
    /// Compare with this file, which the running process must be able to read; by default with the
    /// process's own.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) conf: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Args, Debug)]
pub(crate) struct Upgrade {
    /// The program to become; by default the file that the process was started from.
    #[arg(long, value_name = "PATH")]
    pub(crate) binary: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Args, Debug)]
pub(crate) struct Profile {
    /// For how long the use of CPU time is sampled, 1 to 300.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=300)
    )]
    pub(crate) seconds: u16,
    /// Take one of memory instead: what was allocated since the start, and what is still in use.
    #[arg(long, conflicts_with = "seconds")]
    pub(crate) heap: bool,
    /// Where to write it: a flame graph if the name ends with .svg, else a file for `go tool pprof`.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

fn duration(text: &str) -> Result<Duration, String> {
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
