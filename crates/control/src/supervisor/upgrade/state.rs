//! What the process as a whole goes on with, as a message, and back.

use super::{Arrival, LastUpgrade};
use crate::supervisor::Supervisor;
use crate::supervisor::reload::{LastReload, Trial};
use flow::Time;
use handover::{File, Part, WriteFile};
use host::{Sandbox, own_arguments};
use observe::Version;
use plan::{FileRead, FileStamp};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Name of the file in which the state is, as /proc shows it.
const MEMORY_NAME: &str = "traffic-forwarder-handover";

/// What the supervisor has. `stopped_at` is the moment at which the workers stopped.
pub(super) fn process(supervisor: &Supervisor, by: &str, stopped_at: u64) -> handover::Process {
    let dropped = observe::log::dropped();
    handover::Process {
        version: Version::of_program().number.clone(),
        build: Version::of_program().build.clone(),
        arguments: own_arguments().into_iter().map(OsStringExt::into_vec).collect(),
        config_text: supervisor.plan.text.as_deref().map(str::to_owned),
        generation: supervisor.generation,
        started: micros(supervisor.started),
        last_reload: supervisor.last_reload.as_ref().map(|last| handover::LastReload {
            at: micros(last.at),
            by: last.by.clone(),
            error: last.error.clone(),
        }),
        trial: supervisor.trial.as_ref().and_then(|trial| saved_trial(trial, stopped_at)),
        workers: u32::try_from(supervisor.workers).unwrap_or(u32::MAX),
        files_at_start: supervisor.capacity.files_at_start,
        log_queue_full: dropped.queue_full,
        log_write_failed: dropped.write_failed,
        log_last_lost: dropped.last.map(Time::as_micros),
        upgrades: supervisor.upgrades + 1,
        asked_by: by.to_owned(),
        admin: supervisor.door.as_ref().map(crate::admin::Door::number),
        stopped_at,
        kept_listeners: supervisor.store.names().map(str::to_owned).collect(),
        sandbox: supervisor.sandbox.as_ref().map(Sandbox::saved),
        in_force: Some(supervisor.in_force.to_text()),
        file: supervisor.watch.for_next_image().as_ref().map(saved_file),
        restoring: supervisor.restoring.iter().flat_map(|it| it.names.iter().cloned()).collect(),
        sessions: supervisor.engine.sessions(),
        // What only the next image needs is added when the workers have stopped.
        ..handover::Process::default()
    }
}

/// Writes it all into memory that the next image can read.
pub(super) fn memory(
    process: &handover::Process,
    forwards: &handover::Forwards,
    workers: &[Vec<u8>],
) -> std::io::Result<OwnedFd> {
    let process = (Part::Process, handover::encode(process));
    let forwards = (Part::Forwards, handover::encode(forwards));
    let own = [(process.0, &process.1[..]), (forwards.0, &forwards.1[..])];
    let workers = workers.iter().map(|worker| (Part::Worker, &worker[..]));
    let parts: Vec<(Part, &[u8])> = own.into_iter().chain(workers).collect();
    let head = WriteFile::head(parts.len());
    let heads: Vec<_> =
        parts.iter().map(|(part, bytes)| WriteFile::part_head(*part, bytes)).collect();
    let bodies = heads.iter().zip(&parts).flat_map(|(head, (_, bytes))| [&head[..], bytes]);
    let pieces: Vec<&[u8]> = std::iter::once(&head[..]).chain(bodies).collect();
    sys::exec::sealed_memory(MEMORY_NAME, &pieces)
}

/// The process and its forwards, as far as they can be read.
pub(super) fn read(file: &File<'_>) -> (Option<handover::Process>, Option<handover::Forwards>) {
    let process = file.part(Part::Process).and_then(handover::decode);
    (process, file.part(Part::Forwards).and_then(handover::decode))
}

/// Goes on with what another image had.
pub(super) fn apply(supervisor: &mut Supervisor, saved: &handover::Process) {
    supervisor.generation = saved.generation;
    supervisor.started = time(saved.started);
    supervisor.last_reload = saved.last_reload.as_ref().map(|last| LastReload {
        at: time(last.at),
        by: last.by.clone(),
        error: last.error.clone(),
    });
    supervisor.trial =
        saved.trial.as_ref().and_then(|trial| read_trial(supervisor, trial, saved.stopped_at));
    if let Some(read) = &saved.file {
        supervisor.watch.was_read(Some(file(read)));
    }
    supervisor.upgrades = saved.upgrades;
    observe::log::go_on_from(observe::log::Dropped {
        queue_full: saved.log_queue_full,
        write_failed: saved.log_write_failed,
        last: saved.log_last_lost.map(Time::from_micros),
    });
}

/// What is to be said about the upgrade that has just been.
pub(super) fn last_upgrade(
    saved: &handover::Process,
    sessions: u64,
    lost: u64,
    warnings: Vec<String>,
) -> LastUpgrade {
    let now = sys::monotonic_micros();
    let pause = Duration::from_micros(now.saturating_sub(saved.stopped_at));
    let from = Version::new(&saved.version, saved.build.as_deref());
    let arrival = Arrival { from, sessions, lost, pause, warnings };
    LastUpgrade { at: SystemTime::now(), by: saved.asked_by.clone(), result: Ok(arrival) }
}

/// A plan without a text came from the command line, and never is on trial.
fn saved_trial(trial: &Trial, stopped_at: u64) -> Option<handover::Trial> {
    // On the monotonic clock, which execve(2) does not reset.
    let since_stop = sys::monotonic_micros().saturating_sub(stopped_at);
    Some(handover::Trial {
        config_text: trial.back_to.text.as_deref()?.to_owned(),
        left: handover::micros(trial.left()).saturating_add(since_stop),
        skipped: trial.skipped.iter().cloned().collect(),
        drained: trial.drained.iter().cloned().collect(),
        first: trial.first,
        replaced: trial.replaced,
    })
}

/// `None` if this program cannot read the configuration before: then there is no way back to it.
fn read_trial(supervisor: &Supervisor, saved: &handover::Trial, stopped_at: u64) -> Option<Trial> {
    let back_to = plan::read_text(&supervisor.input, &saved.config_text).plan;
    if back_to.is_none() {
        tracing::warn!("the configuration before cannot be read any more: this one stays");
    }
    let since_stop = sys::monotonic_micros().saturating_sub(stopped_at);
    let left = Duration::from_micros(saved.left.saturating_sub(since_stop));
    Some(Trial {
        back_to: back_to?,
        skipped: saved.skipped.iter().cloned().collect(),
        drained: saved.drained.iter().cloned().collect(),
        until: Instant::now() + left,
        // An older version does not write it down: then this generation alone is meant.
        first: if saved.first == 0 { supervisor.generation } else { saved.first },
        replaced: saved.replaced,
    })
}

fn saved_file(read: &FileRead) -> handover::FileRead {
    let FileRead { stamp, digest } = *read;
    handover::FileRead {
        device: stamp.device,
        inode: stamp.inode,
        size: stamp.size,
        modified: stamp.modified.0,
        modified_nanos: stamp.modified.1,
        changed: stamp.changed.0,
        changed_nanos: stamp.changed.1,
        digest,
    }
}

fn file(saved: &handover::FileRead) -> FileRead {
    let stamp = FileStamp {
        device: saved.device,
        inode: saved.inode,
        size: saved.size,
        modified: (saved.modified, saved.modified_nanos),
        changed: (saved.changed, saved.changed_nanos),
    };
    FileRead { stamp, digest: saved.digest }
}

fn micros(time: SystemTime) -> u64 {
    handover::micros(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn time(micros: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_micros(micros)).unwrap_or(UNIX_EPOCH)
}
