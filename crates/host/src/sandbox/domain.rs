//! What the system needs besides what the configuration names, and how the kernel is told.

use super::{Access, Sandbox};
use landlock::{
    ABI, AccessFs, BitFlags, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope, make_bitflags, path_beneath_rules,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where a process reads, whatever it does: settings, names, users and time zones; what the kernel
/// tells of itself and of control groups.
const READ: [&str; 5] = ["/etc", "/usr", "/proc", "/sys", "/dev/urandom"];
/// Where services generate the resolver's file.
const GENERATED: [&str; 2] = ["/run/systemd/resolve", "/run/NetworkManager"];
/// The dynamic loader is executed; it and the resolver read further libraries.
const LIBRARIES: [&str; 6] =
    ["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];
/// What nobody reads is written here.
const NOTHING: [&str; 1] = ["/dev/null"];
/// Neither read nor, ever, written to.
const NOT_OURS: [&str; 5] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/dev"];

/// Names where the resolver's addresses are: a link, in some systems.
const RESOLVER: &str = "/etc/resolv.conf";

/// All that a process needs of the system. What is not there is left out.
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

/// What a directory that is written to may neither be nor hold.
pub(super) fn system_directories() -> impl Iterator<Item = &'static Path> {
    READ.iter().chain(&LIBRARIES).chain(&NOT_OURS).map(Path::new)
}

/// What the kernel does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// It restricts, all but what its version of landlock lacks.
    Restricts {
        /// The version.
        abi: i32,
        /// In words.
        lacks: Vec<&'static str>,
    },
    /// Nothing, and why.
    HasNone(&'static str),
}

/// Up to this version, what is restricted is known, and tried. The ninth, which keeps a process
/// from Unix sockets by their path, would take targets away.
const TRIED: ABI = ABI::V6;

/// What came with which version.
const LATER: [(ABI, &str); 4] = [
    (ABI::V2, "links between directories (it forbids all)"),
    (ABI::V3, "truncation"),
    (ABI::V5, "ioctl(2) on devices"),
    (ABI::V6, "signals to other processes"),
];

const READS: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
const EXECUTES: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir | Execute});
/// The log is truncated where a line was torn. Rotation renames within the directory only.
const WRITES: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeSock | RemoveFile
});

/// A sandbox, as the kernel is to be told of it.
pub(super) struct Domain<'a>(&'a Sandbox);

impl<'a> Domain<'a> {
    pub(super) fn of(sandbox: &'a Sandbox) -> Self {
        Self(sandbox)
    }

    /// Keeps the calling thread, and all that it starts, to the sandbox; and sets `no_new_privs`.
    pub(super) fn enter(&self) -> Result<Kernel, RulesetError> {
        let status = self.try_enter()?;
        Ok(match status {
            LandlockStatus::Available { effective_abi, kernel_abi } => Kernel::Restricts {
                abi: kernel_abi.unwrap_or(effective_abi as i32),
                lacks: lacks(effective_abi),
            },
            LandlockStatus::NotEnabled => Kernel::HasNone(
                "this kernel has landlock, and it is switched off (`lsm=` of its command line)",
            ),
            LandlockStatus::NotImplemented => Kernel::HasNone(
                "this kernel has no landlock, or a filter of system calls keeps it away",
            ),
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
