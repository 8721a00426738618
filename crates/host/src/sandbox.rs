//! Keeping the process to the directories that its configuration names, by landlock(7).
//!
//! ```text
//!   needs   what a plan reads and writes
//!   place   the directory that stands for a path, if the sandbox may open it
//!   domain  what the system needs besides, and the kernel's own words
//! ```
//!
//! The kernel restricts a thread and all that come from it, also over execve(2), and never takes it
//! back. So it is asked once, while there is one thread, and never by the next image of the process:
//! each time would be another layer, and there are 16 at most. What was allowed is handed on
//! instead, so that a reload or an upgrade that needs more is refused before it fails half-way.

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

/// What may be done with the files of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    /// Read, and make, change and remove them.
    Write,
    /// Read, and run them as programs.
    Execute,
}

/// The directories that a process is kept to. Where a device is written to, it stands for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    read: BTreeSet<PathBuf>,
    write: BTreeSet<PathBuf>,
    execute: BTreeSet<PathBuf>,
}

impl Sandbox {
    /// Keeps this process to what the plan names, if the plan asks for that. To be called while the
    /// process has no other thread. `None` if it stays free, as under a kernel without landlock.
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
        tell(&kernel, &own);
        Ok(matches!(kernel, Kernel::Restricts { .. }).then_some(whole))
    }

    /// What the kernel does about the sandbox of a plan, and what stands against it. Tried in a
    /// thread that ends with it.
    pub fn rehearse(plan: &Plan) -> Result<Kernel, SandboxError> {
        let own = || Self::of(plan, own_program().as_deref());
        let sandbox = if plan.process.sandbox { own()? } else { Self::default() };
        let rehearsal = move || Domain::of(&sandbox.with_system()).enter();
        let thread = std::thread::Builder::new().spawn(rehearsal);
        let thread = thread.map_err(SandboxError::Thread)?;
        thread.join().map_err(|_| SandboxError::BrokeOff)?.map_err(SandboxError::Landlock)
    }

    /// What a plan and the next program need; or all that cannot be had.
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

    /// As the next image of the process is told.
    pub fn saved(&self) -> handover::Sandbox {
        let bytes = |set: &BTreeSet<PathBuf>| {
            set.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect()
        };
        let Self { read, write, execute } = self;
        handover::Sandbox { read: bytes(read), write: bytes(write), execute: bytes(execute) }
    }

    /// As another image of the process has left it.
    pub fn from_saved(saved: &handover::Sandbox) -> Self {
        let paths = |all: &[Vec<u8>]| {
            all.iter().map(|bytes| OsString::from_vec(bytes.clone()).into()).collect()
        };
        let handover::Sandbox { read, write, execute } = saved;
        Self { read: paths(read), write: paths(write), execute: paths(execute) }
    }
}

fn tell(kernel: &Kernel, own: &Sandbox) {
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
