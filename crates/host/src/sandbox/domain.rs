//! Directories that every process needs, and the landlock rules of a sandbox.

use super::{Access, Sandbox};
use landlock::{
    ABI, AccessFs, BitFlags, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope, make_bitflags, path_beneath_rules,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Read by every process: settings, names, users, time zones; the kernel's and the control groups'
/// files.
const READ: [&str; 5] = ["/etc", "/usr", "/proc", "/sys", "/dev/urandom"];
/// Directories in which services generate `resolv.conf`.
const GENERATED: [&str; 2] = ["/run/systemd/resolve", "/run/NetworkManager"];
/// Executable: the dynamic loader and the resolver load libraries from here.
const LIBRARIES: [&str; 6] =
    ["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];
/// Writable: a log may go to the null device.
const NOTHING: [&str; 1] = ["/dev/null"];
/// Neither readable nor writable.
const NOT_OURS: [&str; 5] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/dev"];

/// The resolver's configuration: on some systems a link to a generated file.
const RESOLVER: &str = "/etc/resolv.conf";

/// The existing ones of the directories that every process needs.
pub(super) fn system() -> impl Iterator<Item = (PathBuf, Access)> {
    let resolver = fs::canonicalize(RESOLVER).ok();
    let resolver = resolver.and_then(|file| Some((file.parent()?.to_owned(), Access::Read)));
    // A link to the root would open everything.
    let resolver = resolver.filter(|(directory, _)| directory.parent().is_some());
    let constant = |paths: &'static [&str], access| {
        paths.iter().filter_map(move |path| Some((fs::canonicalize(path).ok()?, access)))
    };
    constant(&READ, Access::Read)
        .chain(constant(&GENERATED, Access::Read))
        .chain(constant(&LIBRARIES, Access::Execute))
        .chain(constant(&NOTHING, Access::Write))
        .chain(resolver)
}

/// Directories that a writable directory must neither be nor contain.
pub(super) fn system_directories() -> impl Iterator<Item = &'static Path> {
    READ.iter().chain(&LIBRARIES).chain(&NOT_OURS).map(Path::new)
}

/// Landlock support of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// The kernel enforces the sandbox, except for what its version of landlock lacks.
    Restricts {
        /// Version of landlock's ABI.
        abi: i32,
        /// Restrictions that this version cannot enforce, each as a phrase.
        lacks: Vec<&'static str>,
    },
    /// The kernel does not enforce a sandbox, for this reason.
    HasNone(&'static str),
}

/// The newest version whose restrictions are requested and tested. Version 9, which restricts Unix
/// sockets by path, would block targets.
const TRIED: ABI = ABI::V6;

/// Restrictions with the version that introduced them.
const LATER: [(ABI, &str); 4] = [
    (ABI::V2, "links between directories (it forbids all)"),
    (ABI::V3, "truncation"),
    (ABI::V5, "ioctl(2) on devices"),
    (ABI::V6, "signals to other processes"),
];

const READS: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
const EXECUTES: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir | Execute});
/// Truncation is for torn log lines. Rotation renames within the directory only.
const WRITES: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeSock | RemoveFile
});

/// The landlock rules of a sandbox.
pub(super) struct Domain<'a>(&'a Sandbox);

impl<'a> Domain<'a> {
    pub(super) fn of(sandbox: &'a Sandbox) -> Self {
        Self(sandbox)
    }

    /// Restricts the calling thread and all its descendants, and sets `no_new_privs`.
    pub(super) fn enter(&self) -> Result<Kernel, RulesetError> {
        let status = self.try_enter()?;
        Ok(match status {
            LandlockStatus::Available { effective_abi, kernel_abi } => Kernel::Restricts {
                abi: kernel_abi.unwrap_or(effective_abi as i32),
                lacks: lacks(effective_abi),
            },
            LandlockStatus::NotEnabled => Kernel::HasNone(
                "this kernel has landlock, but it is disabled (`lsm=` on its command line)",
            ),
            LandlockStatus::NotImplemented => {
                Kernel::HasNone("this kernel has no landlock, or a seccomp filter blocks it")
            }
        })
    }

    fn try_enter(&self) -> Result<LandlockStatus, RulesetError> {
        let Sandbox { read, write, execute } = self.0;
        let rules = |paths: &'a BTreeSet<PathBuf>, access| path_beneath_rules(paths, access);
        let status = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(<AccessFs as landlock::Access>::from_all(TRIED))?
            .scope(Scope::Signal)?
            .create()?
            .add_rules(rules(read, READS))?
            .add_rules(rules(write, WRITES))?
            .add_rules(rules(execute, EXECUTES))?
            .restrict_self()?;
        Ok(status.landlock)
    }
}

fn lacks(abi: ABI) -> Vec<&'static str> {
    LATER.iter().filter(|(since, _)| abi < *since).map(|(_, what)| *what).collect()
}
