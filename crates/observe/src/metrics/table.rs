//! Every metric: its name, its labels, what it means and where it is read. The documentation's
//! table is this one.

use super::snapshot::{Forward, Process};
use crate::version::Version;
use engine::Classes;
use flow::{Cause, Direction, Path};
use std::fmt;
use std::time::{Duration, SystemTime};

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As it stands in the Prometheus text.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// The names of its labels; `forward` is the first where there is one series per forward.
    pub labels: &'static [&'static str],
    /// What it means, in one sentence.
    pub help: &'static str,
    pub(super) read: Read,
}

/// What kind of number a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while the process lives.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Observations by class, with their sum and number.
    Histogram,
}

impl Kind {
    /// Prometheus's word for it.
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

/// Takes one series: the values of its labels, without that of `forward`, and its number.
pub(super) type Emit<'a> = dyn FnMut(&[&str], Number) -> fmt::Result + 'a;

/// Where the series of a metric are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Read {
    Process(fn(&Process, &mut Emit<'_>) -> fmt::Result),
    Forward(fn(&Forward, &mut Emit<'_>) -> fmt::Result),
    Durations(fn(&Forward) -> &Classes),
}

use Kind::{Counter, Gauge, Histogram};
use Number::{Real, Whole};

const FORWARD: &[&str] = &["forward"];

/// Declares metrics as the rows of a table.
macro_rules! metrics {
    ($($name:literal, $kind:ident, $labels:expr, $help:literal, $read:expr;)+) => {
        /// All metrics, in the order in which they are written.
        pub const METRICS: &[Metric] = &[$(Metric {
            name: $name, kind: $kind, labels: $labels, help: $help, read: $read,
        }),+];
    };
}

metrics! {
    "traffic_forwarder_sessions_active", Gauge, FORWARD,
        "Sessions that are open.",
        Read::Forward(|it, emit| emit(&[], Whole(it.active.into())));
    "traffic_forwarder_sessions_opened_total", Counter, FORWARD,
        "Sessions that began.",
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
    "traffic_forwarder_refused_total", Counter, &["forward", "cause"],
        "Clients that were refused by a limit and never became sessions.",
        Read::Forward(refused);
    "traffic_forwarder_accept_errors_total", Counter, &["forward", "errno"],
        "Failures of accept(2), by error name; the clients wait in the kernel's queue.",
        Read::Forward(accept_errors);
    "traffic_forwarder_fallbacks_total", Counter, &["forward", "reason"],
        "Lanes of ended sessions that went from splice to copy, by the most serious reason.",
        Read::Forward(fallbacks);
    "traffic_forwarder_forward_skipped", Gauge, FORWARD,
        "1 for each forward that could not be bound, so that the process runs without it; absent for all others.",
        Read::Forward(skipped);
    "traffic_forwarder_forward_lost_files", Gauge, FORWARD,
        "Unix listeners that no client finds, since another program removed or replaced their files; absent where there are none.",
        Read::Forward(lost_files);
    "traffic_forwarder_listener_backlog", Gauge, FORWARD,
        "Connections that wait in the kernel to be accepted.",
        Read::Forward(|it, emit| emit(&[], Whole(it.backlog.into())));
    "traffic_forwarder_max_sessions", Gauge, &[],
        "The most sessions of all forwards together.",
        Read::Process(|it, emit| emit(&[], Whole(it.max_sessions.into())));
    "traffic_forwarder_headroom_sessions", Gauge, &["limit"],
        "How many more sessions each limit of the host allows; read every five seconds at most.",
        Read::Process(headroom);
    "traffic_forwarder_open_files", Gauge, &[],
        "File descriptors that are open.",
        Read::Process(open_files);
    "traffic_forwarder_open_files_limit", Gauge, &[],
        "File descriptors that may be open.",
        Read::Process(|it, emit| emit(&[], Whole(it.open_files_limit)));
    "traffic_forwarder_pipes_in_use", Gauge, &[],
        "Pipes for splicing that exist, with bytes in them or waiting for some.",
        Read::Process(|it, emit| emit(&[], Whole(it.pipes)));
    "traffic_forwarder_build_info", Gauge, &["version", "build"],
        "Always 1; the labels are the running version and the commit that it was built from.",
        Read::Process(build_info);
    "traffic_forwarder_config_generation", Gauge, &[],
        "The number of the configuration that runs; the first one is 1.",
        Read::Process(|it, emit| emit(&[], Whole(it.generation)));
    "traffic_forwarder_config_last_reload_success", Gauge, &[],
        "1 if the last reload succeeded or there was none yet, 0 if it failed.",
        Read::Process(|it, emit| emit(&[], Whole(it.last_reload_succeeded.into())));
    "traffic_forwarder_config_last_reload_timestamp_seconds", Gauge, &[],
        "Unix time of the last reload, successful or not; before the first one, of the start.",
        Read::Process(|it, emit| emit(&[], Real(unix_time(it.last_reload))));
    "traffic_forwarder_config_trial_seconds", Gauge, &[],
        "Seconds until the configuration is reverted unless confirmed; absent if it is not on trial.",
        Read::Process(trial_left);
    "traffic_forwarder_config_restoring_forwards", Gauge, &[],
        "Forwards that must run and could not be bound when a configuration was reverted, or by an upgrade; they are tried again.",
        Read::Process(|it, emit| emit(&[], Whole(it.restoring)));
    "traffic_forwarder_config_setting_waiting", Gauge, &["key"],
        "1 for each setting of the configuration that waits for a restart; absent for all others.",
        Read::Process(waiting);
    "traffic_forwarder_log_dropped_total", Counter, &["cause"],
        "Log lines that were lost: the log was slower than the sessions (`queue_full`), or could not be written (`write_failed`).",
        Read::Process(log_dropped);
    "process_cpu_seconds_total", Counter, &[],
        "CPU time, in user mode and in the kernel.",
        Read::Process(|it, emit| emit(&[], Real(it.usage.cpu.as_secs_f64())));
    "process_resident_memory_bytes", Gauge, &[],
        "Memory that is in RAM.",
        Read::Process(|it, emit| emit(&[], Whole(it.usage.resident)));
    "process_virtual_memory_bytes", Gauge, &[],
        "Address space.",
        Read::Process(|it, emit| emit(&[], Whole(it.usage.address_space)));
    "process_open_fds", Gauge, &[],
        "File descriptors that are open, under the name that all programs use.",
        Read::Process(open_files);
    "process_max_fds", Gauge, &[],
        "File descriptors that may be open, under the name that all programs use.",
        Read::Process(|it, emit| emit(&[], Whole(it.open_files_limit)));
    "process_threads", Gauge, &[],
        "Threads.",
        Read::Process(|it, emit| emit(&[], Whole(it.usage.threads)));
    "process_start_time_seconds", Gauge, &[],
        "Unix time of the start.",
        Read::Process(|it, emit| emit(&[], Real(unix_time(it.started))));
}

fn closed(forward: &Forward, emit: &mut Emit<'_>) -> fmt::Result {
    forward.totals.closed.iter().try_for_each(|((by, phase, cause), count)| {
        emit(&[by.as_str(), phase.as_str(), cause.as_str()], Whole(*count))
    })
}

fn bytes(forward: &Forward, emit: &mut Emit<'_>) -> fmt::Result {
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

fn refused(forward: &Forward, emit: &mut Emit<'_>) -> fmt::Result {
    let count = forward.totals.refused;
    if count == 0 && !forward.was_used() {
        return Ok(());
    }
    emit(&[Cause::OverLimit.as_str()], Whole(count))
}

fn accept_errors(forward: &Forward, emit: &mut Emit<'_>) -> fmt::Result {
    forward.totals.accept_errors.iter().try_for_each(|(number, count)| {
        let name = u16::try_from(*number).ok().and_then(sys::errno_name);
        emit(&[name.map_or_else(|| number.to_string(), str::to_owned).as_str()], Whole(*count))
    })
}

fn fallbacks(forward: &Forward, emit: &mut Emit<'_>) -> fmt::Result {
    let mut fallbacks = forward.totals.fallbacks.iter();
    fallbacks.try_for_each(|(reason, count)| emit(&[reason.as_str()], Whole(*count)))
}

fn skipped(forward: &Forward, emit: &mut Emit<'_>) -> fmt::Result {
    if forward.skipped { emit(&[], Whole(1)) } else { Ok(()) }
}

fn lost_files(forward: &Forward, emit: &mut Emit<'_>) -> fmt::Result {
    match forward.lost_files {
        0 => Ok(()),
        count => emit(&[], Whole(count as u64)),
    }
}

fn open_files(process: &Process, emit: &mut Emit<'_>) -> fmt::Result {
    process.open_files.map_or(Ok(()), |count| emit(&[], Whole(count)))
}

fn build_info(_: &Process, emit: &mut Emit<'_>) -> fmt::Result {
    let Version { number, build } = Version::of_program();
    emit(&[number, build.as_deref().unwrap_or_default()], Whole(1))
}

fn headroom(process: &Process, emit: &mut Emit<'_>) -> fmt::Result {
    process.headroom.iter().try_for_each(|(limit, sessions)| emit(&[limit], Whole(*sessions)))
}

fn trial_left(process: &Process, emit: &mut Emit<'_>) -> fmt::Result {
    process.trial_left.map_or(Ok(()), |left| emit(&[], Real(left)))
}

fn waiting(process: &Process, emit: &mut Emit<'_>) -> fmt::Result {
    process.waiting.iter().try_for_each(|key| emit(&[key], Whole(1)))
}

fn log_dropped(process: &Process, emit: &mut Emit<'_>) -> fmt::Result {
    emit(&["queue_full"], Whole(process.log_dropped.queue_full))?;
    emit(&["write_failed"], Whole(process.log_dropped.write_failed))
}

fn unix_time(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}
