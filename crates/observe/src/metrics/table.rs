//! The table of metrics: name, labels, help and source of each. The documentation's table is
//! generated from it.

use super::snapshot::{ForwardMetrics, ProcessMetrics};
use crate::version::Version;
use engine::{Classes, TargetView};
use flow::{Cause, Direction, Path};
use std::fmt;
use std::time::{Duration, SystemTime};

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name in the Prometheus text format.
    pub name: &'static str,
    /// The metric's type.
    pub kind: MetricKind,
    /// Names of the labels. `forward` comes first in metrics with a series per forward.
    pub labels: &'static [&'static str],
    /// The `HELP` text, one sentence.
    pub help: &'static str,
    pub(super) read: Read,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Never decreases while the process runs.
    Counter,
    /// Increases and decreases.
    Gauge,
    /// Observations by bucket, with their sum and count.
    Histogram,
}

impl MetricKind {
    /// The word in `TYPE` lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The value of a series.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Whole(u64),
    Real(f64),
}

/// Receives one series: its label values, except that of `forward`, and its value.
pub(super) type Emit<'a> = dyn FnMut(&[&str], Number) -> fmt::Result + 'a;

/// The function that reads the series of a metric.
#[derive(Clone, Copy, Debug)]
pub(super) enum Read {
    Process(fn(&ProcessMetrics, &mut Emit<'_>) -> fmt::Result),
    Forward(fn(&ForwardMetrics, &mut Emit<'_>) -> fmt::Result),
    Durations(fn(&ForwardMetrics) -> &Classes),
}

use MetricKind::{Counter, Gauge, Histogram};
use Number::{Real, Whole};

const FORWARD: &[&str] = &["forward"];
const TARGET: &[&str] = &["forward", "target"];

/// Declares metrics as the rows of a table.
macro_rules! metrics {
    ($($name:literal, $kind:ident, $labels:expr, $help:literal, $read:expr;)+) => {
        /// All metrics, in the order of the output.
        pub const METRICS: &[Metric] = &[$(Metric {
            name: $name, kind: $kind, labels: $labels, help: $help, read: $read,
        }),+];
    };
}

metrics! {
    "traffic_forwarder_sessions_active", Gauge, FORWARD,
        "Open sessions.",
        Read::Forward(|it, emit| emit(&[], Whole(it.active.into())));
    "traffic_forwarder_sessions_opened_total", Counter, FORWARD,
        "Sessions opened.",
        Read::Forward(|it, emit| emit(&[], Whole(it.totals.opened)));
    "traffic_forwarder_sessions_closed_total", Counter, &["forward", "by", "phase", "cause"],
        "Sessions that ended, by close reason.",
        Read::Forward(closed);
    "traffic_forwarder_bytes_total", Counter, &["forward", "lane", "path"],
        "Bytes that were delivered, while sessions live, by lane and by how they were moved.",
        Read::Forward(bytes);
    "traffic_forwarder_connect_seconds", Histogram, FORWARD,
        "Time from a client's acceptance to the connection with the target.",
        Read::Durations(|it| &it.totals.connecting);
    "traffic_forwarder_session_seconds", Histogram, FORWARD,
        "Time from a client's acceptance to the end of its session.",
        Read::Durations(|it| &it.totals.living);
    "traffic_forwarder_stalled_seconds_total", Counter, &["forward", "lane"],
        "Time in which bytes waited for the peer that should take them, of ended sessions: `up` for the target, `down` for the client.",
        Read::Forward(stalled);
    "traffic_forwarder_refused_total", Counter, &["forward", "cause"],
        "Clients refused before they became sessions, by cause: `max_sessions`, `share` or `per_client`, or `allow` and `deny`.",
        Read::Forward(refused);
    "traffic_forwarder_accept_errors_total", Counter, &["forward", "errno"],
        "Failures of accept(2), by error name; the clients wait in the kernel's queue.",
        Read::Forward(accept_errors);
    "traffic_forwarder_fallbacks_total", Counter, &["forward", "reason"],
        "Lanes of ended sessions that went from splice to copy, by the most serious reason.",
        Read::Forward(fallbacks);
    "traffic_forwarder_forward_max_sessions", Gauge, FORWARD,
        "Maximum number of sessions of each forward: its `max_sessions`.",
        Read::Forward(|it, emit| emit(&[], Whole(it.max_sessions.into())));
    "traffic_forwarder_forward_skipped", Gauge, FORWARD,
        "1 for each forward that is skipped because it could not be bound; absent for all others.",
        Read::Forward(skipped);
    "traffic_forwarder_forward_lost_files", Gauge, FORWARD,
        "Unix listeners that clients cannot reach because another program removed or replaced their files; absent where there are none.",
        Read::Forward(lost_files);
    "traffic_forwarder_listener_backlog", Gauge, FORWARD,
        "Connections that wait in the kernel to be accepted.",
        Read::Forward(|it, emit| emit(&[], Whole(it.backlog.into())));
    "traffic_forwarder_target_up", Gauge, TARGET,
        "1 for each target that takes new sessions, 0 for one that is down or drained; only of forwards with several targets or a check.",
        Read::Forward(|it, emit| of_targets(it, emit, |target| takes_sessions(target).into()));
    "traffic_forwarder_target_sessions_active", Gauge, TARGET,
        "Open sessions of each target; only of forwards with several targets or a check.",
        Read::Forward(|it, emit| of_targets(it, emit, |target| target.sessions.into()));
    "traffic_forwarder_target_connects_total", Counter, &["forward", "target", "result"],
        "Attempts to connect to each target, by result (`connected`, `failed`), and failed look-ups of its name as `failed`; only of forwards with several targets or a check.",
        Read::Forward(target_connects);
    "traffic_forwarder_target_checks_total", Counter, &["forward", "target", "result"],
        "Checks of each target, by result (`succeeded`, `failed`); only of forwards with a check.",
        Read::Forward(target_checks);
    "traffic_forwarder_max_sessions", Gauge, &[],
        "Maximum number of sessions of all forwards together.",
        Read::Process(|it, emit| emit(&[], Whole(it.max_sessions.into())));
    "traffic_forwarder_headroom_sessions", Gauge, &["limit"],
        "Additional sessions that each limit of the host allows; updated at most every five seconds.",
        Read::Process(headroom);
    "traffic_forwarder_open_files", Gauge, &[],
        "Open file descriptors.",
        Read::Process(open_files);
    "traffic_forwarder_open_files_limit", Gauge, &[],
        "Maximum number of open file descriptors.",
        Read::Process(|it, emit| emit(&[], Whole(it.open_files_limit)));
    "traffic_forwarder_pipes_in_use", Gauge, &[],
        "Pipes for splicing, in use or idle.",
        Read::Process(|it, emit| emit(&[], Whole(it.pipes)));
    "traffic_forwarder_spins_total", Counter, &["result"],
        "Times that a worker polled before it would have slept (`spin`): an event came (`hit`), or none did (`miss`).",
        Read::Process(spins);
    "traffic_forwarder_build_info", Gauge, &["version", "build"],
        "Always 1; the labels are the running version and the commit that it was built from.",
        Read::Process(build_info);
    "traffic_forwarder_config_generation", Gauge, &[],
        "Number of the running configuration; the first one is 1.",
        Read::Process(|it, emit| emit(&[], Whole(it.generation)));
    "traffic_forwarder_config_last_reload_success", Gauge, &[],
        "1 if the last reload succeeded or there was none yet, 0 if it failed.",
        Read::Process(|it, emit| emit(&[], Whole(it.last_reload_succeeded.into())));
    "traffic_forwarder_config_last_reload_timestamp_seconds", Gauge, &[],
        "Unix time of the last reload, successful or not; before the first one, of the start.",
        Read::Process(|it, emit| emit(&[], Real(unix_time(it.last_reload))));
    "traffic_forwarder_fleet_store_up", Gauge, &[],
        "1 if the last reading of the fleet's store succeeded, else 0; absent without a fleet.",
        Read::Process(fleet_store_up);
    "traffic_forwarder_fleet_read_age_seconds", Gauge, &[],
        "Seconds since the last successful reading of the fleet's store; absent before the first.",
        Read::Process(fleet_read_age);
    "traffic_forwarder_fleet_revision", Gauge, &[],
        "Revision of the published configuration that is followed; absent before the first.",
        Read::Process(|it, emit| whole(it.fleet.and_then(|fleet| fleet.revision), emit));
    "traffic_forwarder_fleet_current_revision", Gauge, &[],
        "Revision that the fleet's store named at the last reading, followed or not; absent if it had none.",
        Read::Process(|it, emit| whole(it.fleet.and_then(|fleet| fleet.current_revision), emit));
    "traffic_forwarder_fleet_running_revision", Gauge, &[],
        "Latest revision whose text for this instance is the running one; absent without one.",
        Read::Process(|it, emit| whole(it.fleet.and_then(|fleet| fleet.running_revision), emit));
    "traffic_forwarder_fleet_state", Gauge, &["state"],
        "1 for the state of this instance in its fleet; absent without a fleet.",
        Read::Process(fleet_state);
    "traffic_forwarder_fleet_certificate_expiry_timestamp_seconds", Gauge, &["file"],
        "Unix time at which the files `certificate` (the first of its chain) and `ca` (its last one) expire; absent without them. Read every minute.",
        Read::Process(fleet_certificates);
    "traffic_forwarder_config_trial_seconds", Gauge, &[],
        "Seconds until the configuration is reverted unless confirmed; absent if it is not on trial.",
        Read::Process(trial_left);
    "traffic_forwarder_config_restoring_forwards", Gauge, &[],
        "Required forwards that could not be bound when a configuration was reverted or after an upgrade; binding is retried.",
        Read::Process(|it, emit| emit(&[], Whole(it.restoring)));
    "traffic_forwarder_config_setting_waiting", Gauge, &["key"],
        "1 for each changed setting that takes effect after a restart; absent for all others.",
        Read::Process(waiting);
    "traffic_forwarder_names", Gauge, &["state"],
        "Names of targets in use: `resolved`, `stale` (look-ups fail, the last good addresses serve on) or `failing` (no addresses).",
        Read::Process(|it, emit| it.names.iter().try_for_each(|(state, names)| emit(&[state], Whole(*names))));
    "traffic_forwarder_name_look_ups_total", Counter, &["result"],
        "Finished look-ups of names: `ok`, `not_found`, `no_address`, `failed` or `timeout`.",
        Read::Process(|it, emit| it.name_look_ups.iter().try_for_each(|(result, count)| emit(&[result], Whole(*count))));
    "traffic_forwarder_name_targets", Gauge, &["name"],
        "Targets that the records of a name stand for, by the name in `dns:` or with `srv:`; absent for all other names.",
        Read::Process(|it, emit| it.name_targets.iter().try_for_each(|(name, count)| emit(&[name], Whole(*count))));
    "traffic_forwarder_admin_denied_total", Counter, &["reason"],
        "Denied requests to the admin interface: `no_token`, `wrong_token`, `role` (`view` may not change anything), `user` (of the Unix socket's peer) or `page` (another web page or host).",
        Read::Process(|it, emit| it.admin_denied.iter().try_for_each(|(reason, count)| emit(&[reason], Whole(*count))));
    "traffic_forwarder_log_dropped_total", Counter, &["cause"],
        "Lost log lines: the log was slower than the sessions (`queue_full`), or could not be written (`write_failed`).",
        Read::Process(log_dropped);
    "process_cpu_seconds_total", Counter, &[],
        "CPU time in user and kernel mode.",
        Read::Process(|it, emit| emit(&[], Real(it.usage.cpu.as_secs_f64())));
    "process_resident_memory_bytes", Gauge, &[],
        "Resident memory.",
        Read::Process(|it, emit| emit(&[], Whole(it.usage.resident)));
    "process_virtual_memory_bytes", Gauge, &[],
        "Virtual memory (address space).",
        Read::Process(|it, emit| emit(&[], Whole(it.usage.address_space)));
    "process_open_fds", Gauge, &[],
        "Open file descriptors, under the conventional name.",
        Read::Process(open_files);
    "process_max_fds", Gauge, &[],
        "Maximum number of open file descriptors, under the conventional name.",
        Read::Process(|it, emit| emit(&[], Whole(it.open_files_limit)));
    "process_threads", Gauge, &[],
        "Threads of the process.",
        Read::Process(|it, emit| emit(&[], Whole(it.usage.threads)));
    "process_start_time_seconds", Gauge, &[],
        "Unix time of the process start.",
        Read::Process(|it, emit| emit(&[], Real(unix_time(it.started))));
}

fn takes_sessions(target: &TargetView) -> bool {
    target.is_up && !target.is_drained
}

fn of_targets(
    forward: &ForwardMetrics,
    emit: &mut Emit<'_>,
    value: fn(&TargetView) -> u64,
) -> fmt::Result {
    let mut targets = forward.targets.iter();
    targets.try_for_each(|target| emit(&[&target.address], Whole(value(target))))
}

fn target_checks(forward: &ForwardMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    let checked = forward.targets.iter().filter_map(|target| Some((target, target.checks?)));
    for (target, [succeeded, failed]) in checked {
        emit(&[&target.address, "succeeded"], Whole(succeeded))?;
        emit(&[&target.address, "failed"], Whole(failed))?;
    }
    Ok(())
}

fn target_connects(forward: &ForwardMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    forward.targets.iter().try_for_each(|target| {
        let [connected, failed] = target.connects;
        emit(&[&target.address, "connected"], Whole(connected))?;
        emit(&[&target.address, "failed"], Whole(failed))
    })
}

fn closed(forward: &ForwardMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    forward.totals.closed.iter().try_for_each(|((by, phase, cause), count)| {
        emit(&[by.as_str(), phase.as_str(), cause.as_str()], Whole(*count))
    })
}

fn bytes(forward: &ForwardMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    if !forward.was_used() {
        return Ok(());
    }
    for lane in Direction::BOTH {
        for path in Path::BOTH {
            let bytes = forward.totals.bytes[lane as usize][path as usize];
            emit(&[lane.as_str(), path.as_str()], Whole(bytes))?;
        }
    }
    Ok(())
}

fn stalled(forward: &ForwardMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    let mut lanes = Direction::BOTH.into_iter().filter(|_| forward.was_used());
    lanes.try_for_each(|lane| {
        emit(&[lane.as_str()], Real(forward.totals.stalled[lane as usize].as_secs_f64()))
    })
}

fn refused(forward: &ForwardMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    let mut refused = forward.totals.refused.clone();
    if forward.was_used() {
        refused.entry(Cause::OverLimit).or_default();
    }
    refused.iter().try_for_each(|(cause, count)| emit(&[cause.as_str()], Whole(*count)))
}

fn accept_errors(forward: &ForwardMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    forward.totals.accept_errors.iter().try_for_each(|(number, count)| {
        let name = u16::try_from(*number).ok().and_then(sys::errno_name);
        emit(&[name.map_or_else(|| number.to_string(), str::to_owned).as_str()], Whole(*count))
    })
}

fn fallbacks(forward: &ForwardMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    let mut fallbacks = forward.totals.fallbacks.iter();
    fallbacks.try_for_each(|(reason, count)| emit(&[reason.as_str()], Whole(*count)))
}

fn skipped(forward: &ForwardMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    if forward.skipped { emit(&[], Whole(1)) } else { Ok(()) }
}

fn lost_files(forward: &ForwardMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    match forward.lost_files {
        0 => Ok(()),
        count => emit(&[], Whole(count as u64)),
    }
}

fn open_files(process: &ProcessMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    process.open_files.map_or(Ok(()), |count| emit(&[], Whole(count)))
}

fn spins(process: &ProcessMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    emit(&["hit"], Whole(process.spin_hits))?;
    emit(&["miss"], Whole(process.spin_misses))
}

fn build_info(_: &ProcessMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    let Version { number, build } = Version::of_program();
    emit(&[number, build.as_deref().unwrap_or_default()], Whole(1))
}

fn headroom(process: &ProcessMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    process.headroom.iter().try_for_each(|(limit, sessions)| emit(&[limit], Whole(*sessions)))
}

fn fleet_store_up(process: &ProcessMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    process.fleet.map_or(Ok(()), |fleet| emit(&[], Whole(fleet.store_up.into())))
}

fn fleet_read_age(process: &ProcessMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    let age = process.fleet.and_then(|fleet| fleet.read_age);
    age.map_or(Ok(()), |age| emit(&[], Real(age)))
}

fn whole(value: Option<u64>, emit: &mut Emit<'_>) -> fmt::Result {
    value.map_or(Ok(()), |value| emit(&[], Whole(value)))
}

fn fleet_certificates(process: &ProcessMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    let Some(fleet) = process.fleet else { return Ok(()) };
    let files = [("certificate", fleet.certificate_expiry), ("ca", fleet.ca_expiry)];
    let mut files = files.into_iter().filter_map(|(file, expiry)| Some((file, expiry?)));
    files.try_for_each(|(file, expiry)| emit(&[file], Real(unix_time(expiry))))
}

fn fleet_state(process: &ProcessMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    process.fleet.map_or(Ok(()), |fleet| emit(&[fleet.state], Whole(1)))
}

fn trial_left(process: &ProcessMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    process.trial_left.map_or(Ok(()), |left| emit(&[], Real(left)))
}

fn waiting(process: &ProcessMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    process.waiting.iter().try_for_each(|key| emit(&[key], Whole(1)))
}

fn log_dropped(process: &ProcessMetrics, emit: &mut Emit<'_>) -> fmt::Result {
    emit(&["queue_full"], Whole(process.log_dropped.queue_full))?;
    emit(&["write_failed"], Whole(process.log_dropped.write_failed))
}

fn unix_time(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}
