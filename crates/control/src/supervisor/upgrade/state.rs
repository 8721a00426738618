//! The state of the process as a whole: saved as a message, and restored from it.

use super::{Arrival, LastUpgrade, trial_begin};
use crate::admin::Interface;
use crate::supervisor::Supervisor;
use crate::supervisor::reload::{EndedTrial, LastReload, Trial, TrialEnd, TrialOwner, Trials};
use crate::watch::Watch;
use discover::{LookUpError, Record, Resolver, SavedFailure, SavedName};
use flow::Time;
use handover::{File, Part, WriteFile};
use host::{Sandbox, own_arguments};
use observe::Version;
use plan::{FileRead, FileStamp, Plan, Reading};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Name of the memory file with the state, as /proc shows it.
const MEMORY_NAME: &str = "traffic-forwarder-handover";

/// Saves the supervisor's state. `stopped_at` is when the workers stopped, in microseconds of the
/// monotonic clock.
pub(super) fn process(supervisor: &Supervisor, by: &str, stopped_at: u64) -> handover::Process {
    let (dropped, admin) = (observe::log::dropped(), supervisor.admin.numbers(Interface::Admin));
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
        trial: supervisor
            .trials
            .running()
            .and_then(|trial| saved_trial(supervisor, trial, stopped_at)),
        workers: worker_count(supervisor.workers),
        files_at_start: supervisor.capacity.files_at_start,
        log_queue_full: dropped.queue_full,
        log_write_failed: dropped.write_failed,
        log_last_lost: dropped.last.map(Time::as_micros),
        upgrades: supervisor.upgrades.count + 1,
        asked_by: by.to_owned(),
        admin: admin.first().copied(),
        more_admin: admin.get(1..).unwrap_or_default().to_vec(),
        metrics: supervisor.admin.numbers(Interface::Metrics).first().copied(),
        admin_denied: supervisor.admin.denials().totals().iter().map(|(_, count)| *count).collect(),
        stopped_at,
        kept_listeners: supervisor.store.names().map(str::to_owned).collect(),
        sandbox: supervisor.sandbox.as_ref().map(Sandbox::saved),
        in_force: Some(supervisor.in_force.to_text()),
        file: supervisor.watch.for_next_image().as_ref().map(saved_file),
        restoring: supervisor.restoring.iter().flat_map(|it| it.names.iter().cloned()).collect(),
        sessions: supervisor.engine.sessions(),
        names: supervisor.resolver.saved().iter().map(saved_name).collect(),
        name_look_ups: saved_look_ups(&supervisor.resolver),
        prefix_files: saved_prefix_files(&supervisor.plan, &supervisor.watch),
        listen_names: saved_listen_names(&supervisor.plan),
        episodes: supervisor.reporting.episodes.saved(),
        published: supervisor.plan.published.as_ref().map(saved_published),
        fleet_ended: supervisor.trials.ended().map(|ended| ended.revision),
        fleet_ended_why: supervisor.trials.ended().and_then(saved_end),
        // `become_image` adds the fields that are known once the workers have stopped.
        ..handover::Process::default()
    }
}

/// Writes the state to a sealed memory file that stays open over execve(2).
///
/// # Errors
///
/// The host refuses the memory or a descriptor.
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

/// The process and its forwards, each if it can be decoded.
pub(super) fn read(file: &File<'_>) -> (Option<handover::Process>, Option<handover::Forwards>) {
    let process = file.part(Part::Process).and_then(handover::decode);
    (process, file.part(Part::Forwards).and_then(handover::decode))
}

/// Restores the state of the previous image.
pub(super) fn apply(supervisor: &mut Supervisor, saved: &handover::Process) {
    supervisor.generation = saved.generation;
    supervisor.started = time(saved.started);
    supervisor.last_reload = saved.last_reload.as_ref().map(|last| LastReload {
        at: time(last.at),
        by: last.by.clone(),
        error: last.error.clone(),
    });
    let trial = saved.trial.as_ref();
    let trial = trial.and_then(|trial| read_trial(supervisor, trial, saved.stopped_at));
    let ended = ended_trial(saved, trial.is_some());
    supervisor.trials = Trials::new(trial, ended);
    if let Some(read) = &saved.file {
        supervisor.watch.was_read(Some(file(read)));
    }
    let prefix_files = saved.prefix_files.iter();
    supervisor.watch.resume(
        prefix_files.map(|saved| (saved.path.clone().into(), saved.read.as_ref().map(file))),
    );
    supervisor.upgrades.count = saved.upgrades;
    observe::log::restore_dropped(observe::log::Dropped {
        queue_full: saved.log_queue_full,
        write_failed: saved.log_write_failed,
        last: saved.log_last_lost.map(Time::from_micros),
    });
    supervisor.reporting.episodes.restore(&saved.episodes);
}

fn saved_published(published: &plan::Published) -> handover::Published {
    let plan::Published { revision, hash, text } = published;
    handover::Published { revision: *revision, hash: hash.clone(), text: text.to_string() }
}

fn published(saved: &handover::Published) -> plan::Published {
    let handover::Published { revision, hash, text } = saved;
    plan::Published { revision: *revision, hash: hash.clone(), text: text.as_str().into() }
}

fn saved_end(ended: &EndedTrial) -> Option<String> {
    match &ended.how {
        TrialEnd::Deadline => None,
        TrialEnd::TakenBack(why) => Some(why.clone()),
        TrialEnd::Upgrade => Some("this version could not read the text before it".to_owned()),
    }
}

/// How the last trial of the fleet ended: before the upgrade, or by it.
fn ended_trial(saved: &handover::Process, is_on_trial: bool) -> Option<EndedTrial> {
    let on_trial = saved.trial.as_ref().and_then(|trial| trial.fleet_revision);
    if let Some(revision) = on_trial.filter(|_| !is_on_trial) {
        return Some(EndedTrial { revision, how: TrialEnd::Upgrade });
    }
    let how = saved.fleet_ended_why.clone().map_or(TrialEnd::Deadline, TrialEnd::TakenBack);
    Some(EndedTrial { revision: saved.fleet_ended?, how })
}

fn saved_name(saved: &SavedName) -> handover::Name {
    handover::Name {
        host: saved.name.to_string(),
        addresses: saved.addresses.iter().map(ToString::to_string).collect(),
        left: u64::try_from(saved.left.as_micros()).unwrap_or(u64::MAX),
        members: saved.members.iter().map(saved_member).collect(),
        failure: saved.failure.as_ref().map(saved_failure),
    }
}

fn saved_look_ups(resolver: &Resolver) -> Vec<handover::Count> {
    let look_ups = resolver.status().look_ups.into_iter();
    look_ups.map(|(word, count)| handover::Count { word: word.to_owned(), count }).collect()
}

fn saved_failure(saved: &SavedFailure) -> handover::NameFailure {
    let (error, why) = saved.error.saved();
    handover::NameFailure {
        since: handover::micros(saved.since),
        error: error.to_owned(),
        why: why.map(str::to_owned),
        failures: saved.failures,
    }
}

fn failure(saved: &handover::NameFailure) -> SavedFailure {
    SavedFailure {
        since: Duration::from_micros(saved.since),
        error: LookUpError::restored(&saved.error, saved.why.as_deref()),
        failures: saved.failures,
    }
}

fn saved_member(record: &Record) -> handover::SetMember {
    handover::SetMember {
        address: record.address.to_string(),
        priority: record.priority.into(),
        weight: record.weight.into(),
    }
}

fn member(saved: &handover::SetMember) -> Option<Record> {
    Some(Record {
        address: saved.address.parse().ok()?,
        priority: saved.priority.try_into().ok()?,
        weight: saved.weight.try_into().ok()?,
    })
}

/// The last good answers and the failures of names. Leaves out what cannot be read.
pub(super) fn names(saved: &handover::Process) -> impl Iterator<Item = SavedName> {
    saved.names.iter().map(|name| SavedName {
        name: name.host.as_str().into(),
        addresses: name.addresses.iter().filter_map(|text| text.parse().ok()).collect(),
        left: Duration::from_micros(name.left),
        members: name.members.iter().filter_map(member).collect(),
        failure: name.failure.as_ref().map(failure),
    })
}

/// The result of the upgrade to this image.
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

/// `None` for a plan without a text: it is from the command line, and never on trial.
fn saved_trial(
    supervisor: &Supervisor,
    trial: &Trial<Plan>,
    stopped_at: u64,
) -> Option<handover::Trial> {
    // execve(2) does not reset the monotonic clock.
    let since_stop = sys::monotonic_micros().saturating_sub(stopped_at);
    Some(handover::Trial {
        config_text: trial.back_to.text.as_deref()?.to_owned(),
        left: handover::micros(trial.left(Instant::now())).saturating_add(since_stop),
        skipped: trial.skipped.iter().cloned().collect(),
        drained: trial.drained.iter().cloned().collect(),
        first: trial.first,
        replaced: trial.replaced,
        prefix_files: saved_prefix_files(&trial.back_to, &supervisor.watch),
        listen_names: saved_listen_names(&trial.back_to),
        published: trial.back_to.published.as_ref().map(saved_published),
        fleet_revision: trial.revision(),
        begin: trial.begin.as_ref().map(trial_begin::saved),
    })
}

fn saved_prefix_files(plan: &Plan, watch: &Watch) -> Vec<handover::PrefixFile> {
    let files = plan.prefix_files().into_iter();
    files
        .map(|file| handover::PrefixFile {
            path: file.path.to_string_lossy().into_owned(),
            text: file.to_text(),
            read: watch.prefix_file_for_next_image(&file.path).as_ref().map(saved_file),
        })
        .collect()
}

fn saved_listen_names(plan: &Plan) -> Vec<handover::Name> {
    let names = plan.listen_names.iter();
    names
        .map(|(host, addresses)| handover::Name {
            host: host.clone(),
            addresses: addresses.iter().map(ToString::to_string).collect(),
            ..handover::Name::default()
        })
        .collect()
}

/// The configuration with the addresses that the previous image listened on for names.
pub(super) fn with_listen_names(mut reading: Reading, names: &[handover::Name]) -> Reading {
    if let Some(plan) = &mut reading.plan {
        let names = names.iter().map(|name| {
            let addresses = name.addresses.iter().filter_map(|text| text.parse().ok());
            (name.host.clone(), addresses.collect())
        });
        // It ran: its addresses exclude each other only if they were damaged, and binding fails then.
        let _ = plan.resolve_listeners(names.collect());
    }
    reading
}

/// Reads a configuration of the previous image with its files of prefixes, all as that image had read them.
pub(super) fn read_config(
    input: &plan::Input,
    text: &str,
    prefix_files: &[handover::PrefixFile],
    published: Option<&handover::Published>,
) -> Reading {
    let input = &plan::Input { published: published.map(self::published), ..input.clone() };
    let read =
        |file: &handover::PrefixFile| plan::prefix_file(file.path.clone().into(), &file.text);
    match prefix_files.iter().map(read).collect::<Result<Vec<_>, _>>() {
        Ok(files) => plan::read_text_with(input, text, &files),
        Err(problems) => Reading { plan: None, problems, state: None, prefix_files: Vec::new() },
    }
}

/// `None` if this program cannot read the configuration to fall back to.
fn read_trial(
    supervisor: &Supervisor,
    saved: &handover::Trial,
    stopped_at: u64,
) -> Option<Trial<Plan>> {
    let back_to = read_config(
        &supervisor.input,
        &saved.config_text,
        &saved.prefix_files,
        saved.published.as_ref(),
    );
    let mut back_to = with_listen_names(back_to, &saved.listen_names).plan;
    if let Some(back_to) = &mut back_to {
        // A fall-back leaves the files of unknown owners as they are.
        let _ = host::find_socket_owners(back_to);
    } else {
        tracing::warn!("the configuration before cannot be read any more: this one stays");
    }
    let since_stop = sys::monotonic_micros().saturating_sub(stopped_at);
    let left = Duration::from_micros(saved.left.saturating_sub(since_stop));
    Some(Trial {
        back_to: back_to?,
        skipped: saved.skipped.iter().cloned().collect(),
        drained: saved.drained.iter().cloned().collect(),
        owner: saved
            .fleet_revision
            .map_or(TrialOwner::Operator, |revision| TrialOwner::Fleet { revision }),
        until: Instant::now() + left,
        // Missing in the state of older versions: the trial then has this generation only.
        first: if saved.first == 0 { supervisor.generation } else { saved.first },
        replaced: saved.replaced,
        begin: saved.begin.as_ref().map(trial_begin::read),
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

/// The number of workers in the message's type. Zero, for a number that no plan allows, has the
/// next image choose one.
fn worker_count(workers: usize) -> u32 {
    workers.try_into().unwrap_or_default()
}

fn micros(time: SystemTime) -> u64 {
    handover::micros(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn time(micros: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_micros(micros)).unwrap_or(UNIX_EPOCH)
}
