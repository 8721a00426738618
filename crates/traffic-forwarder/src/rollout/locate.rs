//! The store of a fleet, from the command line or the local file of a machine.

use crate::console::failure::CommandError;
use crate::console::process_options::ProcessOptions;
use crate::console::screen::Screen;
use crate::rollout::args::StoreArgs;
use fleet::{Etcd, Keys};
use plan::{FleetStore, Input, escaped};
use std::path::{Path, PathBuf};

/// A store with the keys of one fleet.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) etcd: Etcd,
    pub(crate) keys: Keys,
    /// The start of all keys of the fleet.
    pub(crate) prefix: String,
    /// Options for another command to reach the same store.
    pub(crate) options: ProcessOptions,
}

/// Uses `--from`, or else the `[fleet]` of the local file.
pub(crate) fn find(args: &StoreArgs) -> Result<Located, CommandError> {
    let store = match &args.from {
        Some(url) => FleetStore::at(url.clone()),
        None => of_file(args.conf.as_deref())?,
    };
    let prefix = format!("{}/", store.url.prefix);
    let first = usize::try_from(control::random_u64() >> 32).unwrap_or_default();
    let (etcd, keys) = (Etcd::new(&store, first), Keys::new(&store.url.prefix));
    let options = ProcessOptions::of_store(args.conf.as_deref(), args.from.as_ref());
    Ok(Located { etcd, keys, prefix, options })
}

fn of_file(named: Option<&Path>) -> Result<FleetStore, CommandError> {
    const HELP: &str =
        "name the local file of a machine with -c FILE, or the store with --from URL";
    let file = named.map_or_else(|| PathBuf::from(plan::DEFAULT_CONFIG), Path::to_owned);
    let reading = plan::read(&Input { config: Some(file.clone()), ..Input::default() });
    let Some(plan) = reading.plan else {
        let problems = reading.problems.render(Screen::of_errors().colours);
        let help = if named.is_none() { format!("\n\n  help: {HELP}") } else { String::new() };
        return Err(CommandError::Configuration(format!("{}{help}", problems.trim_end())));
    };
    let fleet = plan.fleet.ok_or_else(|| {
        let file = escaped(&file.to_string_lossy());
        CommandError::Usage(format!("`{file}` has no [fleet]: {HELP}"))
    })?;
    Ok(fleet.store)
}
