//! Resolving and connecting to every target: each once, several at a time, within a deadline.

use crate::Options;
use crate::demand::Demand;
use host::addresses_of;
use plan::Target;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// All targets together.
const DEADLINE: Duration = Duration::from_secs(10);
/// One target: whoever takes longer is slow, whatever `connect_timeout` says.
const PATIENCE: Duration = Duration::from_secs(3);
/// Targets at the same time.
const AT_ONCE: usize = 64;
const STACK: usize = 512 * 1024;

/// What came of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) target: String,
    /// The look-up of a name; `None` for an address, which needs none.
    pub(super) resolved: Option<Step>,
    /// The connection; `None` if it was not tried.
    pub(super) connected: Option<Step>,
}

/// How long it took, or what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It took so long.
    Done(Duration),
    /// The other side's doing: it refuses, or does not answer.
    Unanswered(String),
    /// This host's doing: no such name, no route, no port left, not allowed.
    Impossible(String),
    /// The deadline came first.
    Late,
}

/// A target and how long a session would wait for it.
struct Task {
    target: Target,
    patience: Duration,
}

/// Tries all of them.
pub(super) fn try_all(demand: &Demand<'_>, options: Options) -> Vec<Tried> {
    let until = Instant::now() + DEADLINE;
    let tasks: Arc<[Task]> = demand
        .targets
        .iter()
        .map(|it| Task { target: it.target.clone(), patience: it.connect_timeout.min(PATIENCE) })
        .collect();
    let mut tried: Vec<Tried> = tasks.iter().map(|task| late(task, options)).collect();
    let (sender, results) = mpsc::channel();
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..AT_ONCE.min(tasks.len()) {
        let (tasks, next, sender) = (Arc::clone(&tasks), Arc::clone(&next), sender.clone());
        // A look-up cannot be interrupted: a thread that hangs in one ends with the process. If
        // there is no thread to be had, the others do more.
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

/// What is told of a target unless something better comes in time.
fn late(task: &Task, options: Options) -> Tried {
    let is_name = matches!(task.target, Target::Name { .. });
    Tried {
        target: task.target.to_string(),
        resolved: is_name.then_some(Step::Late),
        connected: (options.connect && !is_name).then_some(Step::Late),
    }
}

fn try_one(task: &Task, options: Options) -> Tried {
    let mut tried = Tried { target: task.target.to_string(), resolved: None, connected: None };
    let addresses = match &task.target {
        Target::Unix(path) => {
            let began = Instant::now();
            let connect = || step(began, UnixStream::connect(path));
            tried.connected = options.connect.then(connect);
            return tried;
        }
        Target::Ip(address) => vec![*address],
        Target::Name { host, port } => {
            let began = Instant::now();
            match addresses_of(host, *port) {
                Ok(addresses) => {
                    tried.resolved = Some(Step::Done(began.elapsed()));
                    addresses
                }
                Err(error) => {
                    tried.resolved = Some(Step::Impossible(error.to_string()));
                    return tried;
                }
            }
        }
    };
    tried.connected = options.connect.then(|| connect(&addresses, task.patience));
    tried
}

/// The addresses in turn, as a session tries them.
fn connect(addresses: &[SocketAddr], patience: Duration) -> Step {
    let began = Instant::now();
    let share = patience / u32::try_from(addresses.len().max(1)).unwrap_or(1);
    let mut last = Step::Impossible("the name has no address".to_owned());
    for address in addresses {
        last = step(began, TcpStream::connect_timeout(address, share));
        if matches!(last, Step::Done(_)) {
            break;
        }
    }
    last
}

fn step<T>(began: Instant, result: std::io::Result<T>) -> Step {
    use std::io::ErrorKind::{AddrNotAvailable, NetworkUnreachable, PermissionDenied};
    let Err(error) = result else { return Step::Done(began.elapsed()) };
    // A host that is switched off is unreachable, too: EHOSTUNREACH is not our doing.
    match error.kind() {
        AddrNotAvailable | NetworkUnreachable | PermissionDenied => {
            Step::Impossible(error.to_string())
        }
        _ => Step::Unanswered(error.to_string()),
    }
}
