//! The command lines of `publish` and `rollout`.

use crate::arguments::number;
use crate::console::args::{WatchArgs, duration};
use clap::{Args, Subcommand};
use fleet::{Canary, HOLD_MAX};
use plan::{ParseError, StoreUrl};
use std::path::PathBuf;
use std::time::Duration;

const PUBLISH: &str = "\
Examples:
  traffic-forwarder publish fleet.toml --dry-run
  traffic-forwarder publish fleet.toml --canary 1 --hold 60s --note 'new db'

Exit status: 0 the configuration is stable; 1 it is not: it was refused or taken
back, the store failed, or Ctrl-C (the last line says which, what holds in the
store now, and which command goes on); 2 the file or the usage is wrong.";

const ROLLOUT: &str = "\
Examples:
  traffic-forwarder rollout
  traffic-forwarder rollout back -c /etc/traffic-forwarder.conf

Exit status: 0 done; 1 failed; 2 wrong usage. `rollout COMMAND --help` has more.";

const STATUS: &str = "\
Examples:
  traffic-forwarder rollout status
  traffic-forwarder rollout status --watch 5
  traffic-forwarder rollout status --json

Exit status: 0 shown, whatever the machines' states; 1 the store failed, or its
key is damaged; 2 wrong usage.";

const CONTINUE: &str = "\
Example:
  traffic-forwarder rollout continue

Exit status: 0 the configuration is stable, even if none was on trial; 1 it is
not: none was published, it was taken back, the store failed, or Ctrl-C (the
last line says which, and what holds in the store now); 2 wrong usage.";

const BACK: &str = "\
Example:
  traffic-forwarder rollout back

Exit status: 0 the trial has ended, or the configuration before is stable again;
1 neither: there is none, the store failed, or Ctrl-C (the last line says which,
and what holds in the store now); 2 wrong usage.";

const SHOW: &str = "\
Examples:
  traffic-forwarder rollout show > fleet.toml
  traffic-forwarder rollout show 41

Exit status: 0 printed; 1 no configuration is stable, or the store failed; 2 the
store does not have the revision, or wrong usage.";

/// Options that locate the store of a fleet.
#[derive(Args, Debug)]
pub(crate) struct StoreArgs {
    /// The local file of a machine, whose [fleet] has the address of the store and the login. The
    /// default: ./etc/traffic-forwarder.conf.
    #[arg(short, long, alias = "config", value_name = "FILE", conflicts_with = "from")]
    pub(crate) conf: Option<PathBuf>,
    /// The address of a store without a login and without certificates: etcd://HOST:PORT,.../PREFIX.
    #[arg(long, value_name = "URL", value_parser = store_url)]
    pub(crate) from: Option<StoreUrl>,
}

fn store_url(text: &str) -> Result<StoreUrl, String> {
    text.parse().map_err(|error: ParseError| match error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message,
    })
}

fn hold(text: &str) -> Result<Duration, String> {
    let hold = duration(text).map_err(|error| error.to_string())?;
    if hold > HOLD_MAX { Err("the longest hold is 24h".to_owned()) } else { Ok(hold) }
}

#[derive(Args, Debug)]
#[command(after_help = PUBLISH)]
pub(crate) struct Publish {
    /// The configuration: TOML with [defaults] and forwards; - is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The instances that try it first: a number (1), a share (25%), or names (edge-1,edge-2). By
    /// default all try it at once.
    #[arg(long, value_name = "INSTANCES")]
    pub(crate) canary: Option<Canary>,
    /// Time for which the instances of each step run it before the next step.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = hold)]
    pub(crate) hold: Duration,
    /// A note that `rollout` shows.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) note: String,
    /// Only check it, and list the changes.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Args, Debug)]
#[command(
    after_help = ROLLOUT,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub(crate) struct RolloutArgs {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,
    /// The options of `status`, which is the default.
    #[command(flatten)]
    pub(crate) status: Status,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Action {
    /// Show where each machine stands (the default).
    #[command(after_help = STATUS)]
    Status(Status),
    /// Take over a trial whose publisher is gone. Each step goes on for its hold, and the
    /// configuration is stable after the last one.
    #[command(after_help = CONTINUE)]
    Continue(StoreArgs),
    /// End the trial or, without one, return to the stable configuration before the present one.
    #[command(after_help = BACK)]
    Back(StoreArgs),
    /// Print a published configuration.
    #[command(after_help = SHOW)]
    Show(Show),
}

#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    /// Print the answer as JSON, and errors as JSON on standard error.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Show {
    /// The revision on trial, or one with which a configuration became stable. The default is the
    /// stable configuration.
    #[arg(value_name = "REVISION", value_parser = number::<u64>("expected a revision, as `rollout` shows it"))]
    pub(crate) revision: Option<u64>,
    /// Print the text in JSON, with its revision and hash, and errors as JSON on standard error.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

impl RolloutArgs {
    /// Whether errors are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        match &self.action {
            None => self.status.json,
            Some(Action::Status(status)) => status.json,
            Some(Action::Show(show)) => show.json,
            Some(Action::Continue(_) | Action::Back(_)) => false,
        }
    }
}
