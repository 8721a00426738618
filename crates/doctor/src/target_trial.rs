//! Resolves and connects to each target once, several at a time, within a deadline.

mod checked;

use crate::Scope;
use crate::demand::Demand;
use checked::{TargetCheck, check_each, check_target};
use engine::CheckedAddress;
use flow::Outbound;
use host::addresses_of;
use plan::Target;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Time limit for all targets together.
const DEADLINE: Duration = Duration::from_secs(10);
/// Upper bound of the time limit for one target, even if `connect_timeout` is longer.
const TARGET_LIMIT: Duration = Duration::from_secs(3);
/// Number of targets tried at the same time.
const AT_ONCE: usize = 64;
/// Time limit for the look-up of a set.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(5);
/// Time limit for one address of a set.
const ADDRESS_LIMIT: Duration = Duration::from_secs(1);
const STACK: usize = 512 * 1024;

/// The result of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TargetResult {
    pub(super) target: String,
    /// The result of the name lookup; `None` for an address.
    pub(super) resolved: Option<StepResult>,
    /// The result of connecting; `None` if it was not tried.
    pub(super) connected: Option<StepResult>,
    /// The results of its checks, each with a forward that has the check.
    pub(super) checked: Vec<(String, StepResult)>,
}

/// The duration of a step, or its error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StepResult {
    /// The step succeeded in this time.
    Done(Duration),
    /// The target refuses or does not answer.
    Unanswered(String),
    /// This host cannot do it: no such name, no route, no free port, no permission.
    Impossible(String),
    /// No result before the deadline.
    Late,
}

/// A target and its time limit.
struct TargetTask {
    target: Target,
    limit: Duration,
    outbound: Outbound,
    /// Empty with `--no-connect`.
    checks: Vec<TargetCheck>,
}

impl TargetTask {
    fn results(&self, check: impl Fn(&TargetCheck) -> StepResult) -> Vec<(String, StepResult)> {
        self.checks.iter().map(|it| (it.forward.clone(), check(it))).collect()
    }
}

/// Tries all targets of a plan.
pub(super) fn try_all(demand: &Demand<'_>, options: Scope) -> Vec<TargetResult> {
    let until = Instant::now() + DEADLINE;
    let tasks: Arc<[TargetTask]> = demand
        .targets
        .iter()
        .map(|it| TargetTask {
            target: it.target.clone(),
            limit: it.connect_timeout.min(TARGET_LIMIT),
            outbound: it.outbound.clone(),
            checks: it.checks.iter().filter(|_| options.connect).map(TargetCheck::of).collect(),
        })
        .collect();
    let mut tried: Vec<TargetResult> = tasks.iter().map(|task| late(task, options)).collect();
    let (sender, results) = mpsc::channel();
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..AT_ONCE.min(tasks.len()) {
        let (tasks, next, sender) = (Arc::clone(&tasks), Arc::clone(&next), sender.clone());
        // A lookup cannot be interrupted: a thread that hangs in one ends with the process. If a
        // thread cannot be started, the others take over its share.
        let _ = thread::Builder::new().stack_size(STACK).spawn(move || {
            while let Some(index) = take(&next, tasks.len(), until) {
                if sender.send((index, try_one(&tasks[index], options))).is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    while let Ok((index, result)) =
        results.recv_timeout(until.saturating_duration_since(Instant::now()))
    {
        tried[index] = result;
    }
    tried
}

fn take(next: &AtomicUsize, count: usize, until: Instant) -> Option<usize> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    (index < count && Instant::now() < until).then_some(index)
}

/// The result of a target that is not done before the deadline.
fn late(task: &TargetTask, options: Scope) -> TargetResult {
    let is_name =
        task.target.is_set() || matches!(task.target, Target::Name { .. } | Target::Zoned(_));
    TargetResult {
        target: task.target.to_string(),
        resolved: is_name.then_some(StepResult::Late),
        connected: (options.connect && !is_name).then_some(StepResult::Late),
        checked: task.results(|_| StepResult::Late),
    }
}

fn try_one(task: &TargetTask, options: Scope) -> TargetResult {
    let target = task.target.to_string();
    let mut tried = TargetResult { target, resolved: None, connected: None, checked: Vec::new() };
    let (host, port) = match &task.target {
        Target::Unix(path) => {
            let began = Instant::now();
            let connect = || step(began, UnixStream::connect(path));
            tried.connected = options.connect.then(connect);
            tried.checked = task.results(|it| check_target(it, CheckedAddress::Unix(path), &[]));
            return tried;
        }
        Target::Ip(address) => {
            tried.connected = options.connect.then(|| connect(&[*address], task));
            tried.checked = task.results(|it| check_target(it, CheckedAddress::Ip(*address), &[]));
            return tried;
        }
        Target::Zoned(address) => (format!("{}%{}", address.ip, address.zone), address.port),
        Target::Name { host, port } => (host.clone(), *port),
        set @ (Target::Dns { .. } | Target::Srv { .. }) => {
            return try_set(set, tried, task, options);
        }
    };
    let began = Instant::now();
    let addresses = match addresses_of(&host, port) {
        Ok(addresses) => addresses,
        Err(error) => {
            tried.resolved = Some(StepResult::Impossible(error.to_string()));
            return tried;
        }
    };
    tried.resolved = Some(StepResult::Done(began.elapsed()));
    tried.connected = options.connect.then(|| connect(&addresses, task));
    let name = CheckedAddress::Name(&host, port);
    tried.checked = task.results(|check| check_target(check, name, &addresses));
    tried
}

/// Looks up the records of a set, and tries each of them.
fn try_set(
    set: &Target,
    mut tried: TargetResult,
    task: &TargetTask,
    options: Scope,
) -> TargetResult {
    let Some((name, port)) = engine::set_of(set) else { return tried };
    let began = Instant::now();
    let records = match discover::look_up_set(&name, LOOK_UP_LIMIT) {
        Ok(records) => records,
        Err(error) => {
            tried.resolved = Some(StepResult::Impossible(error.to_string()));
            return tried;
        }
    };
    tried.resolved = Some(StepResult::Done(began.elapsed()));
    let addresses = records.iter().map(|record| {
        let mut address = record.address;
        if port != 0 {
            address.set_port(port);
        }
        address
    });
    let addresses: Vec<SocketAddr> = addresses.collect();
    tried.connected = options.connect.then(|| connect_each(&addresses, task));
    tried.checked = task.results(|check| check_each(check, &addresses));
    tried
}

/// Tries each of the addresses within the time of the target.
fn connect_each(addresses: &[SocketAddr], task: &TargetTask) -> StepResult {
    each(addresses, task.limit, |address, left| {
        let limit = left.min(ADDRESS_LIMIT);
        step(Instant::now(), sys::connect_within(*address, &task.outbound, limit))
    })
}

/// Takes a step with each of the addresses until `limit` has passed. The result is that of the first one
/// that fails.
fn each(
    addresses: &[SocketAddr],
    limit: Duration,
    take_step: impl Fn(&SocketAddr, Duration) -> StepResult,
) -> StepResult {
    let began = Instant::now();
    let mut first_failure = None;
    let (mut failed, mut tried) = (0, 0);
    for address in addresses {
        let left = limit.saturating_sub(began.elapsed());
        if left.is_zero() {
            break;
        }
        tried += 1;
        let result = take_step(address, left);
        if !matches!(result, StepResult::Done(_)) {
            failed += 1;
            first_failure.get_or_insert((address, result));
        }
    }
    let of_all = |error: &str, address: &SocketAddr| {
        format!("{failed} of {tried} addresses fail, such as {address}: {error}")
    };
    match first_failure {
        None => StepResult::Done(began.elapsed()),
        Some((address, StepResult::Impossible(error))) => {
            StepResult::Impossible(of_all(&error, address))
        }
        Some((address, StepResult::Unanswered(error))) => {
            StepResult::Unanswered(of_all(&error, address))
        }
        Some((_, other)) => other,
    }
}

/// Tries the addresses in turn, as a session does, with an equal share of the time for each.
fn connect(addresses: &[SocketAddr], task: &TargetTask) -> StepResult {
    let began = Instant::now();
    // A share of zero would be an invalid timeout, so it has at least a microsecond.
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let share = (task.limit / count).max(Duration::from_micros(1));
    let mut last = StepResult::Impossible("the name has no address".to_owned());
    for address in addresses {
        last = step(began, sys::connect_within(*address, &task.outbound, share));
        if matches!(last, StepResult::Done(_)) {
            break;
        }
    }
    last
}

fn step<T>(began: Instant, result: std::io::Result<T>) -> StepResult {
    use std::io::ErrorKind::{AddrNotAvailable, NetworkUnreachable, PermissionDenied};
    let Err(error) = result else { return StepResult::Done(began.elapsed()) };
    // EHOSTUNREACH is not listed: a target that is switched off causes it.
    match error.kind() {
        AddrNotAvailable | NetworkUnreachable | PermissionDenied => {
            StepResult::Impossible(flow::error_text(&error))
        }
        _ => StepResult::Unanswered(flow::error_text(&error)),
    }
}
