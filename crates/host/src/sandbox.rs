//! Restricts the process to the directories in its configuration, by landlock(7).
//!
//! ```text
//!   needs   files that a plan reads and writes
//!   place   the directory that a path needs, if the sandbox may open it
//!   domain  the system's own directories, and the landlock rules
//! ```
//!
//! The kernel restricts a thread and all its descendants, also across execve(2), permanently. The
//! process therefore enters the sandbox once, while it has one thread, and a new process image does
//! not enter it again: each entry would add a layer, and the kernel allows 16. The allowed
//! directories are handed on instead, so that a reload or an upgrade that needs more is refused
//! before it starts.

mod domain;
mod error;
mod needs;
mod place;

use crate::program::own_program;
use domain::Domain;
use needs::{Need, automatic_admin, needs};
use place::{place, places};
use plan::Plan;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

pub use domain::Kernel;
pub use error::{PathFault, SandboxError, SandboxRefusal};

/// Permitted access to the files of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    /// Read, create, change and remove.
    Write,
    /// Read, and execute as programs.
    Execute,
}

/// The directories that a process is restricted to. A device file is listed itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    read: BTreeSet<PathBuf>,
    write: BTreeSet<PathBuf>,
    execute: BTreeSet<PathBuf>,
}

impl Sandbox {
    /// Restricts this process to the files of the plan, if the plan enables the sandbox. Call it
    /// while the process has one thread. `None` if the process is not restricted, as under a kernel
    /// without landlock.
    ///
    /// # Errors
    ///
    /// If the process has several threads, a path cannot be in a sandbox, or landlock refuses.
    pub fn enter(plan: &Plan) -> Result<Option<Self>, SandboxError> {
        if !plan.process.sandbox {
            return Ok(None);
        }
        if sys::threads() != Some(1) {
            return Err(SandboxError::SeveralThreads);
        }
        let own = Self::of(plan, own_program().as_deref())?;
        let whole = own.with_system();
        let kernel = Domain::of(&whole).enter().map_err(SandboxError::Landlock)?;
        log_entry(&kernel, &own);
        Ok(matches!(kernel, Kernel::Restricts { .. }).then_some(whole))
    }

    /// Enters the sandbox of a plan in a temporary thread, and returns the kernel's support or the
    /// error that [`Self::enter`] would return.
    pub fn rehearse(plan: &Plan) -> Result<Kernel, SandboxError> {
        let own = || Self::of(plan, own_program().as_deref());
        let sandbox = if plan.process.sandbox { own()? } else { Self::default() };
        let rehearsal = move || Domain::of(&sandbox.with_system()).enter();
        let thread = std::thread::Builder::new().spawn(rehearsal);
        let thread = thread.map_err(SandboxError::Thread)?;
        thread.join().map_err(|_| SandboxError::BrokeOff)?.map_err(SandboxError::Landlock)
    }

    /// The sandbox for the files of a plan and for `program`, which an upgrade executes.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Paths`] with every path that cannot be in a sandbox.
    fn of(plan: &Plan, program: Option<&Path>) -> Result<Self, SandboxError> {
        let (mut sandbox, mut faults) = (Self::default(), Vec::new());
        let others = automatic_admin(plan).into_iter().chain(program.map(Need::program));
        for need in needs(plan).into_iter().chain(others) {
            match places(&need.path, need.access) {
                Ok(places) => sandbox.set_mut(need.access).extend(places),
                Err(cause) => faults.push(PathFault { need, cause }),
            }
        }
        if faults.is_empty() { Ok(sandbox) } else { Err(SandboxError::Paths(faults)) }
    }

    /// Adds the directories that every process reads and executes from.
    fn with_system(&self) -> Self {
        let mut whole = self.clone();
        for (path, access) in domain::system() {
            whole.set_mut(access).insert(path);
        }
        whole
    }

    fn set(&self, access: Access) -> &BTreeSet<PathBuf> {
        match access {
            Access::Read => &self.read,
            Access::Write => &self.write,
            Access::Execute => &self.execute,
        }
    }

    fn set_mut(&mut self, access: Access) -> &mut BTreeSet<PathBuf> {
        match access {
            Access::Read => &mut self.read,
            Access::Write => &mut self.write,
            Access::Execute => &mut self.execute,
        }
    }

    /// Checks whether a plan can run in this sandbox.
    ///
    /// # Errors
    ///
    /// All paths of the plan outside of the sandbox.
    pub fn check(&self, plan: &Plan) -> Result<(), Vec<SandboxRefusal>> {
        let refusals: Vec<_> = needs(plan).iter().filter_map(|need| self.refusal(need)).collect();
        if refusals.is_empty() { Ok(()) } else { Err(refusals) }
    }

    /// Why the sandbox refuses to read a configuration file; `None` if it does not.
    pub fn refuses_config(&self, file: &Path) -> Option<SandboxRefusal> {
        self.refusal(&Need::config(file))
    }

    /// Why the sandbox refuses to execute a program; `None` if it does not.
    pub fn refuses_program(&self, file: &Path) -> Option<SandboxRefusal> {
        self.refusal(&Need::program(file))
    }

    fn refusal(&self, need: &Need) -> Option<SandboxRefusal> {
        // A missing path fails when it is opened.
        let places = place(&need.path).ok()?;
        // Following a link does not open the directory that has it.
        let followed = if need.access == Access::Write { 0 } else { places.len() - 1 };
        let outside = places[followed..].iter().find(|place| !self.allows(place, need.access))?;
        let allowed = self.set(need.access).clone();
        Some(SandboxRefusal { need: need.clone(), outside: outside.clone(), allowed })
    }

    fn allows(&self, place: &Path, access: Access) -> bool {
        let within = |set: &BTreeSet<PathBuf>| set.iter().any(|allowed| place.starts_with(allowed));
        let reads = || [&self.read, &self.write, &self.execute].into_iter().any(within);
        within(self.set(access)) || (access == Access::Read && reads())
    }

    /// The form in which the sandbox is handed to the next process image.
    pub fn saved(&self) -> handover::Sandbox {
        let bytes = |set: &BTreeSet<PathBuf>| {
            set.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect()
        };
        let Self { read, write, execute } = self;
        handover::Sandbox { read: bytes(read), write: bytes(write), execute: bytes(execute) }
    }

    /// Restores the sandbox of the previous process image.
    pub fn from_saved(saved: &handover::Sandbox) -> Self {
        let paths = |all: &[Vec<u8>]| {
            all.iter().map(|bytes| OsString::from_vec(bytes.clone()).into()).collect()
        };
        let handover::Sandbox { read, write, execute } = saved;
        Self { read: paths(read), write: paths(write), execute: paths(execute) }
    }
}

fn log_entry(kernel: &Kernel, own: &Sandbox) {
    match kernel {
        Kernel::Restricts { abi, lacks } => tracing::info!(
            landlock_abi = abi,
            reads = shown(&own.read),
            writes = shown(&own.write),
            executes = shown(&own.execute),
            cannot_restrict = (!lacks.is_empty()).then(|| lacks.join(", ")),
            "in its sandbox"
        ),
        Kernel::HasNone(reason) => {
            tracing::warn!(reason, "no sandbox: the process can open all that its user can");
        }
    }
}

fn shown(paths: &BTreeSet<PathBuf>) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
