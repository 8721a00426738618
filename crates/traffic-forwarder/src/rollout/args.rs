//! The command lines of `publish` and `rollout`.

use crate::arguments::number;
use crate::console::args::{WatchArgs, duration};
use crate::console::failure::CommandError;
use clap::{Args, ValueEnum};
use fleet::Canary;
use plan::{ParseError, StoreUrl};
use std::path::PathBuf;
use std::time::Duration;

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

#[derive(Args, Debug)]
pub(crate) struct Publish {
    /// The configuration: TOML with [defaults] and forwards; - is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The instances that try it first: a number (1), a share (25%), or names (edge-1,edge-2). By
    /// default all try it at once.
    #[arg(long, value_name = "INSTANCES")]
    pub(crate) canary: Option<Canary>,
    /// Time for which the instances of each step run it before the next step.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
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
pub(crate) struct RolloutArgs {
    /// `status` shows where each machine stands, `continue` takes over a trial whose publisher is gone,
    /// `back` ends the trial or returns to the stable configuration before this one, `show` prints a
    /// published configuration.
    #[arg(value_name = "ACTION", value_enum, default_value_t = Action::Status)]
    pub(crate) action: Action,
    /// For `show`: the revision on trial, or one with which a configuration became stable. The
    /// default is the stable configuration.
    #[arg(value_name = "REVISION", value_parser = number::<u64>("expected a revision, as `rollout` shows it"))]
    pub(crate) revision: Option<u64>,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    /// Print the answer of `status` and `show` as JSON, and errors as JSON on standard error.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// What `rollout` does.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Status,
    Continue,
    Back,
    Show,
}

impl RolloutArgs {
    /// Refuses options that the action does not have.
    pub(crate) fn check(&self) -> Result<(), CommandError> {
        let usage = |message: &str| Err(CommandError::Usage(message.to_owned()));
        if self.revision.is_some() && self.action != Action::Show {
            return usage("only `rollout show` takes a revision");
        }
        if self.watch.watch.is_some() && self.action != Action::Status {
            return usage("only `rollout status` takes --watch");
        }
        if self.json && matches!(self.action, Action::Continue | Action::Back) {
            return usage("only `rollout status` and `rollout show` take --json");
        }
        Ok(())
    }
}
