//! The check of an upgrade: a child process of the running image validates the saved state and tries
//! to obtain the resources of the next image.

use super::protocol::{ANSWER, CHECK};
use super::resume::Handover;
use crate::start::control_runtime;
use handover::Damage;
use host::{NoRoom, SandboxRefusal, capacity};
use observe::Version;
use observe::log::{LogError, try_log_file};
use plan::{Plan, Problems};
use std::collections::{HashSet, TryReserveError};
use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

/// Memory of a worker, in bytes: its stack and its read buffers.
const PER_WORKER: usize = 1 << 20;
/// Memory of a session while it is restored, in bytes: encoded, decoded, and in the table.
const PER_SESSION: usize = 4 << 10;

/// Why this program could not restore the state of the running process.
#[derive(Debug)]
pub enum HandoverRefusal {
    /// Standard input cannot be duplicated.
    Read(io::Error),
    /// The state is damaged, or of an unknown format.
    Damaged(Damage),
    /// The arguments of the running process are wrong for this program.
    Arguments(Box<dyn Error + Send + Sync>),
    /// The running configuration, or a setting in force, is wrong for this program.
    Config(Problems),
    /// The log file cannot be opened.
    Log(LogError),
    /// This program needs paths that the sandbox of the process does not allow.
    Sandbox(Vec<SandboxRefusal>),
    /// The open-file limit allows no session.
    NoRoom(NoRoom),
    /// This number of bytes cannot be reserved.
    Memory(usize, TryReserveError),
    /// The control thread cannot start.
    Runtime(io::Error),
    /// The host refuses a thread.
    Thread(io::Error),
    /// A thread ended without a result.
    ThreadPanicked,
    /// This listener of the running process is missing in the plan of this program, and would be
    /// closed.
    UnknownListener(String),
}

impl fmt::Display for HandoverRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "read the state: {}", flow::error_text(error)),
            Self::Damaged(damage) => write!(f, "the state cannot be read: {damage}"),
            Self::Arguments(error) => error.fmt(f),
            Self::Config(problems) => f.write_str(&problems.render(false)),
            Self::Log(error) => error.fmt(f),
            Self::Sandbox(refusals) => {
                let lines: Vec<_> = refusals.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::NoRoom(error) => error.fmt(f),
            Self::Memory(bytes, error) => write!(f, "reserve {bytes} bytes of memory: {error}"),
            Self::Runtime(error) => {
                write!(f, "start the control thread: {}", flow::error_text(error))
            }
            Self::Thread(error) => write!(f, "start a thread: {}", flow::error_text(error)),
            Self::ThreadPanicked => f.write_str("a thread broke off"),
            Self::UnknownListener(address) => {
                write!(f, "it makes another listener of the configuration's {address}")
            }
        }
    }
}

impl Error for HandoverRefusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read(error) | Self::Runtime(error) | Self::Thread(error) => Some(error),
            Self::Arguments(error) => Some(&**error),
            Self::Log(error) => Some(error),
            Self::Memory(_, error) => Some(error),
            Self::Damaged(_)
            | Self::Config(_)
            | Self::Sandbox(_)
            | Self::NoRoom(_)
            | Self::ThreadPanicked
            | Self::UnknownListener(_) => None,
        }
    }
}

/// Runs the check, if this process was started for it. Returns the text for standard output. `None` if
/// the process was started for something else. `input_of` parses the arguments of the running process.
///
/// # Errors
///
/// Why this program could not restore the state on standard input.
pub fn check_handover(
    input_of: impl FnOnce(Vec<OsString>) -> Result<plan::Input, Box<dyn Error + Send + Sync>>,
) -> Option<Result<String, HandoverRefusal>> {
    let mut arguments = std::env::args_os().skip(1);
    let asked = arguments.next().is_some_and(|first| first == CHECK) && arguments.next().is_none();
    asked.then(|| check(input_of).map(|()| format!("{ANSWER}{}\n", Version::of_program())))
}

fn check(
    input_of: impl FnOnce(Vec<OsString>) -> Result<plan::Input, Box<dyn Error + Send + Sync>>,
) -> Result<(), HandoverRefusal> {
    let input = standard_input().map_err(HandoverRefusal::Read)?;
    let mut handover = Handover::read(input);
    if let Some(damage) = handover.damage {
        return Err(HandoverRefusal::Damaged(damage));
    }
    let process = handover.process.take().unwrap_or_default();
    let arguments = process.arguments.iter().map(|it| OsString::from_vec(it.clone())).collect();
    let input = input_of(arguments).map_err(HandoverRefusal::Arguments)?;
    let workers = process.workers as usize;
    let (files, sessions) = (process.files_at_start, process.sessions as usize);
    handover.process = Some(process);
    let reading = handover.read_plan(&input);
    let plan = reading.plan.ok_or(HandoverRefusal::Config(reading.problems))?;
    if let Some(in_force) = handover.read_in_force() {
        in_force.map_err(HandoverRefusal::Config)?;
    } else if let Some(file) = &plan.log.file {
        // A state without settings is of an older version, which hands off no log either.
        try_log_file(file).map_err(HandoverRefusal::Log)?;
    }
    if let Some(sandbox) = handover.sandbox() {
        // This version may need more paths than the running one.
        sandbox.check(&plan).map_err(HandoverRefusal::Sandbox)?;
    }
    capacity(&plan, workers, sys::open_files_limit(), files).map_err(HandoverRefusal::NoRoom)?;
    rehearse_start(workers, sessions)?;
    check_listeners(&plan, &handover.forwards.unwrap_or_default())
}

/// Tries to obtain the resources that the next image needs, under the same limits.
fn rehearse_start(workers: usize, sessions: usize) -> Result<(), HandoverRefusal> {
    let needed = workers.saturating_mul(PER_WORKER) + sessions.saturating_mul(PER_SESSION);
    let memory = Vec::<u8>::new().try_reserve_exact(needed);
    memory.map_err(|error| HandoverRefusal::Memory(needed, error))?;
    control_runtime().map_err(HandoverRefusal::Runtime)?;
    let thread = std::thread::Builder::new().spawn(|| ()).map_err(HandoverRefusal::Thread)?;
    thread.join().map_err(|_| HandoverRefusal::ThreadPanicked)
}

/// Checks that every listener is in the plan. Another one would be closed.
fn check_listeners(plan: &Plan, forwards: &handover::Forwards) -> Result<(), HandoverRefusal> {
    let routes = plan.forwards.iter().flat_map(|forward| &forward.routes);
    let known: HashSet<_> = routes.map(|route| route.listen.to_string()).collect();
    let unknown = forwards.listeners.iter().find(|listener| !known.contains(&listener.address));
    unknown
        .map_or(Ok(()), |listener| Err(HandoverRefusal::UnknownListener(listener.address.clone())))
}

fn standard_input() -> io::Result<OwnedFd> {
    io::stdin().as_fd().try_clone_to_owned()
}
