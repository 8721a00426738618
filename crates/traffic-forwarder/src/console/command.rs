//! The commands that question or steer a running process.

use crate::arguments::number;
use crate::console::reach::{Reach, Watch, Whom, duration};
use clap::{Args, Subcommand, ValueEnum};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The meaning of the `--conf` of `plan`.
const COMPARED: &str = "Compare with this file, which the running process must be able to read; by \
                        default with the process's own";
const SESSION_NUMBER: &str = "the number of a session is needed, as `sessions` lists them";
const GENERATION_NUMBER: &str =
    "the number of a generation is needed, as `reload --confirm` and `status` print it";

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
    Confirm(Confirm),
    /// Become the program that is installed by now: same process, every listener, every session.
    Upgrade(Upgrade),
    /// Take a profile of the running process: where it spends its CPU time, or who allocates
    /// memory. Only of one that was built with `make build profile=1`.
    Profile(Profile),
    /// Watch and steer the running process on the whole terminal: rates, forwards, sessions.
    Top(Whom),
}

impl Operation {
    /// Whether the answer is for programs.
    pub(crate) fn json(&self) -> bool {
        let reach = match self {
            Self::Status(Status { reach, .. })
            | Self::Sessions(Sessions { reach, .. })
            | Self::Kill(Kill { reach, .. })
            | Self::Drain(Named { reach, .. })
            | Self::Resume(Named { reach, .. })
            | Self::Reload(Reload { reach, .. })
            | Self::Plan(Plan { reach })
            | Self::Confirm(Confirm { reach, .. })
            | Self::Upgrade(Upgrade { reach, .. })
            | Self::Profile(Profile { reach, .. }) => reach,
            Self::Top(_) => return false,
        };
        reach.json
    }
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
    #[arg(
        value_name = "ID",
        conflicts_with_all = ["forward", "client", "sort", "limit"],
        value_parser = number::<u64>(SESSION_NUMBER)
    )]
    pub(crate) id: Option<u64>,
    /// Only those of this forward.
    #[arg(long, value_name = "NAME")]
    pub(crate) forward: Option<String>,
    /// Only those of the clients at this IP address.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) client: Option<IpAddr>,
    /// What comes first: the oldest (age), the busiest just now (rate), what moved most bytes, what
    /// has been idle longest, or the lowest number (id).
    #[arg(long, value_enum, default_value_t = Sort::Rate)]
    pub(crate) sort: Sort,
    /// How many at most, up to 10000.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 50,
        value_parser = number::<usize>("a whole number is needed")
    )]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) watch: Watch,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// The order of sessions; the server sorts.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum Sort {
    Age,
    Rate,
    Bytes,
    Idle,
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
    #[arg(value_name = "ID", value_parser = number::<u64>(SESSION_NUMBER))]
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

/// Its `--conf` is what it compares with, not where it asks.
#[derive(Args, Debug)]
#[command(mut_arg("conf", |conf| conf.help(COMPARED)))]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Args, Debug)]
pub(crate) struct Confirm {
    /// The generation that `reload --confirm` printed: no other one is confirmed. Without it the one
    /// on trial is, if the trial has had no other.
    #[arg(value_name = "GENERATION", value_parser = number::<u64>(GENERATION_NUMBER))]
    pub(crate) generation: Option<u64>,
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
