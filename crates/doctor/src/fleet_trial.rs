//! The trial of the fleet: its store, and its directory `keep`.

use crate::own_processes::{ConfigSource, own_processes};
use crate::sockets::all_processes;
use fleet::{Examined, ExaminedKeep, examine_keep, lock_of, locking_process};
use plan::{Fleet, Plan};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

/// The results of a plan with `[fleet]`.
#[derive(Debug)]
pub(super) struct FleetTrial {
    /// The user of the store that the plan names.
    pub(super) user: Option<String>,
    /// The result of the store; `None` with `--no-connect`.
    pub(super) store: Option<Result<Examined, String>>,
    pub(super) keep: KeepTrial,
}

/// The result of `keep`.
#[derive(Debug)]
pub(super) struct KeepTrial {
    pub(super) path: PathBuf,
    pub(super) found: ExaminedKeep,
    pub(super) holder: Option<KeepHolder>,
}

/// A process that uses `keep`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeepHolder {
    pub(super) process: u32,
    /// Whether it runs with this configuration.
    pub(super) is_own: bool,
}

/// Finds the process that uses `keep`. Call it before the switch to the configured user: root sees the files of all.
pub(super) fn keep_holder(plan: &Plan, source: ConfigSource<'_>) -> Option<KeepHolder> {
    let lock = lock_of(&plan.fleet.as_ref()?.keep);
    let process = locking_process(&lock).or_else(|| opening_process(&lock))?;
    let is_own = own_processes(source).iter().any(|own| own.process == process);
    Some(KeepHolder { process, is_own })
}

/// The process that has a file open. On btrfs and overlayfs, `/proc/locks` has other numbers than stat(2).
fn opening_process(file: &Path) -> Option<u32> {
    let file = file.canonicalize().ok()?;
    all_processes().find(|process| {
        let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        open.filter_map(|it| fs::read_link(it.path()).ok()).any(|it| it == file)
    })
}

/// A trial of the store, under way beside others.
pub(super) type StoreTrial = JoinHandle<Result<Examined, String>>;

/// Begins the trial of the store as the present user. `None` without `[fleet]`.
pub(super) fn begin(plan: &Plan) -> Option<std::io::Result<StoreTrial>> {
    let fleet = plan.fleet.clone()?;
    let examine =
        move || fleet::examine(&fleet, &name_of(&fleet)).map_err(|error| flow::error_text(&error));
    Some(thread::Builder::new().spawn(examine))
}

/// Examines `keep`, and waits for the trial of the store.
pub(super) fn finish(
    plan: &Plan,
    holder: Option<KeepHolder>,
    store: Option<std::io::Result<StoreTrial>>,
) -> Option<FleetTrial> {
    let fleet = plan.fleet.as_ref()?;
    let found = examine_keep(&fleet.keep, holder.is_some());
    let keep = KeepTrial { path: fleet.keep.clone(), found, holder };
    let store = store.map(|begun| match begun.map(JoinHandle::join) {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err("the trial has ended without a result".to_owned()),
        Err(error) => Err(flow::error_text(&error)),
    });
    let user = fleet.store.user.as_ref().map(|(name, _)| name.clone());
    Some(FleetTrial { user, store, keep })
}

fn name_of(fleet: &Fleet) -> String {
    fleet.name.clone().unwrap_or_else(sys::host_name)
}
