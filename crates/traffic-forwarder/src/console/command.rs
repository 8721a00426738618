//! Command-line definitions of the commands that need a running process.

use crate::arguments::number;
use crate::console::args::{ConnectArgs, QueryArgs, WatchArgs, duration};
use clap::{Args, Subcommand, ValueEnum};
use flow::{ClientFilter, NotAClientFilter, Prefix};
use std::path::PathBuf;
use std::time::Duration;

/// Help text of `plan --conf`, which differs from that of the other commands.
const COMPARED: &str = "The file to compare with; the running process must be able to read it. The \
                        default is the file that the process was started with. Without --admin, the \
                        process is the one at the `admin` of this file, or else at the defaults";
/// Help text of `reload --conf`.
const RELOADED: &str = "The file to reload, which must be the one that the process runs with; with \
                        --dry-run, any file to compare with. Without --admin, it gives the address of \
                        the process, as for the other commands";
/// Help text of `resume --target`, which differs from that of `drain`.
const RESUMED: &str = "Only this target of the forward, as `targets` shows it";
const SESSION_NUMBER: &str = "expected a session number, as `sessions` lists them";
const GENERATION_NUMBER: &str =
    "expected a generation number, as `reload --confirm` and `status` print it";

#[derive(Subcommand, Debug)]
pub(crate) enum Operation {
    /// Show the running process and its forwards, or one forward with its settings.
    Status(Status),
    /// List the targets of all forwards, or of one, with their state.
    Targets(Targets),
    /// List the clients of all forwards, or of one, with their sessions and refused connections.
    Clients(Clients),
    /// List the open sessions or the last ended ones, or show one.
    Sessions(Sessions),
    /// Reset both sides of a session, or of all sessions that match.
    Kill(Kill),
    /// Refuse new sessions of a forward, or send them to other targets; open sessions go on.
    Drain(Named),
    /// Accept new sessions again after `drain`, or bind a skipped forward.
    #[command(mut_arg("target", |target| target.help(RESUMED)))]
    Resume(Named),
    /// Read the configuration again and apply the whole file or none of it.
    Reload(Reload),
    /// List the changes that a reload would make, without making them.
    Plan(Plan),
    /// Keep a configuration that was loaded with `reload --confirm`.
    Confirm(Confirm),
    /// Switch to the installed version in place: same PID, all listeners and sessions kept.
    Upgrade(Upgrade),
    /// Take a CPU or heap profile of the running process, which must be a build of `make build
    /// profile=1`.
    Profile(Profile),
    /// Watch and operate the running process on the whole terminal: forwards, sessions and targets.
    Top(ConnectArgs),
    /// Show the page of the running process in a browser, without a token: until Ctrl-C, the printed URL
    /// leads to it.
    Web(Web),
}

impl Operation {
    /// True if the answer is printed as JSON.
    pub(crate) fn json(&self) -> bool {
        let query = match self {
            Self::Status(Status { query, .. })
            | Self::Targets(Targets { query, .. })
            | Self::Clients(Clients { query, .. })
            | Self::Sessions(Sessions { query, .. })
            | Self::Kill(Kill { query, .. })
            | Self::Drain(Named { query, .. })
            | Self::Resume(Named { query, .. })
            | Self::Reload(Reload { query, .. })
            | Self::Plan(Plan { query })
            | Self::Confirm(Confirm { query, .. })
            | Self::Upgrade(Upgrade { query, .. })
            | Self::Profile(Profile { query, .. }) => query,
            Self::Top(_) | Self::Web(_) => return false,
        };
        query.json
    }
}

#[derive(Args, Debug)]
pub(crate) struct Status {
    /// Show only this forward, with its settings and its sessions' close reasons.
    #[arg(value_name = "FORWARD")]
    pub(crate) forward: Option<String>,
    /// Print one line and exit with 0 if the process is ready, with 1 otherwise: for health
    /// checks.
    #[arg(long, conflicts_with_all = ["forward", "watch", "json"])]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) query: QueryArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Web {
    /// The loopback port to listen on; 0 for any free port.
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        value_parser = number::<u16>("expected a port from 0 to 65535")
    )]
    pub(crate) port: u16,
    /// Only print the URL. By default it is also opened on a desktop, if standard output is a terminal.
    #[arg(long)]
    pub(crate) no_open: bool,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Targets {
    /// Show only the targets of this forward.
    #[arg(value_name = "FORWARD")]
    pub(crate) forward: Option<String>,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) query: QueryArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Clients {
    /// Show only the clients of this forward.
    #[arg(value_name = "FORWARD")]
    pub(crate) forward: Option<String>,
    /// Number of clients to list, up to 100000: those with the most sessions.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 50,
        value_parser = number::<usize>("expected a whole number")
    )]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) query: QueryArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Sessions {
    /// Show only this session, also if it is one of the last 1000 that have ended.
    #[arg(
        value_name = "ID",
        conflicts_with_all = ["ended", "forward", "target", "client", "sort", "limit"],
        value_parser = number::<u64>(SESSION_NUMBER)
    )]
    pub(crate) id: Option<u64>,
    /// List the last 1000 sessions that have ended, the newest first, with their close reasons.
    #[arg(long, conflicts_with = "sort")]
    pub(crate) ended: bool,
    /// List only sessions of this forward; if no forward has this name, of those whose names contain it.
    #[arg(long, value_name = "NAME")]
    pub(crate) forward: Option<String>,
    /// List only sessions of this target: as configured, or the address that is connected.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) target: Option<String>,
    /// List only sessions of clients at this IP address, in this range of addresses (10.0.0.0/8), or
    /// whose address and port begin with this text (10.0.).
    #[arg(long, value_name = "ADDRESS", value_parser = client)]
    pub(crate) client: Option<String>,
    /// Order: the oldest (age), the busiest at present (rate), the most bytes, the longest idle, or
    /// the lowest number (id) first.
    #[arg(long, value_enum, default_value_t = Sort::Rate)]
    pub(crate) sort: Sort,
    /// Number of sessions to list, up to 10000.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 50,
        value_parser = number::<usize>("expected a whole number")
    )]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) query: QueryArgs,
}

impl Sessions {
    /// Whether the list leaves sessions out, however many there are.
    pub(crate) fn is_filtered(&self) -> bool {
        self.forward.is_some() || self.target.is_some() || self.client.is_some()
    }
}

/// Checks a filter for clients. The process parses it again.
fn client(text: &str) -> Result<String, NotAClientFilter> {
    text.parse::<ClientFilter>().map(|_| text.to_owned())
}

/// The order of the list; the process sorts.
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
#[group(id = "which", required = true, multiple = true)]
#[command(override_usage = "traffic-forwarder kill [OPTIONS] <ID|FILTER...>")]
pub(crate) struct Kill {
    /// The session's number, as `sessions` lists it.
    #[arg(
        value_name = "ID",
        group = "which",
        conflicts_with_all = ["forward", "target", "client"],
        value_parser = number::<u64>(SESSION_NUMBER)
    )]
    pub(crate) id: Option<u64>,
    /// The sessions of this forward.
    #[arg(long, value_name = "NAME", group = "which")]
    pub(crate) forward: Option<String>,
    /// The sessions of this target: as configured, or the address that is connected.
    #[arg(long, value_name = "ADDRESS", group = "which")]
    pub(crate) target: Option<String>,
    /// The sessions of clients at this IP address, or in this range of addresses (10.0.0.0/8).
    #[arg(long, value_name = "CIDR", group = "which")]
    pub(crate) client: Option<Prefix>,
    /// Do not ask. On a terminal, the command shows the number of sessions and asks, unless an ID is given.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) query: QueryArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The forward's name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Only this target of the forward, as `targets` shows it: the others get its sessions.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) query: QueryArgs,
}

#[derive(Args, Debug)]
#[command(mut_arg("conf", |conf| conf.help(RELOADED)))]
pub(crate) struct Reload {
    /// Only list the changes, as `plan` does.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Fall back to the current configuration after this time, unless `confirm` comes first (60s,
    /// 5m).
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "dry_run")]
    pub(crate) confirm: Option<Duration>,
    #[command(flatten)]
    pub(crate) query: QueryArgs,
}

/// Its `--conf` names the file to compare with, not the process to ask.
#[derive(Args, Debug)]
#[command(mut_arg("conf", |conf| conf.help(COMPARED)))]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) query: QueryArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Confirm {
    /// The generation that `reload --confirm` printed; no other one is confirmed. By default the one
    /// on trial, if it has not replaced another in the same trial.
    #[arg(value_name = "GENERATION", value_parser = number::<u64>(GENERATION_NUMBER))]
    pub(crate) generation: Option<u64>,
    #[command(flatten)]
    pub(crate) query: QueryArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Upgrade {
    /// The program to switch to; by default the file that the process was started from.
    #[arg(long, value_name = "PATH")]
    pub(crate) binary: Option<PathBuf>,
    /// Accept a program that another user than root and the process's own owns, or that others may
    /// write to.
    #[arg(long)]
    pub(crate) allow_owner: bool,
    #[command(flatten)]
    pub(crate) query: QueryArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Profile {
    /// Duration of a CPU profile, 1 to 300.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=300)
    )]
    pub(crate) seconds: u16,
    /// Take a heap profile instead: allocations since the start, and the part in use.
    #[arg(long, conflicts_with = "seconds")]
    pub(crate) heap: bool,
    /// The output: a flame graph if the name ends with .svg, else a file for `go tool pprof`.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) query: QueryArgs,
}
