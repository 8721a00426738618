//! The paths of a plan with their roles, and the check that no two of them are the same file.
//!
//! A log that is appended to the configuration, or rotated over the token file, destroys it. Files
//! are compared by device and inode if they exist, and otherwise by their nearest existing
//! directory, so that other spellings, symbolic links and hard links are recognized.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{self, Component, Path, PathBuf};

use crate::address::ListenAddress;
use crate::admin::{AdminSocket, AdminValue};
use crate::draft::Draft;
use crate::plan::Log;
use crate::prefix_list::PrefixEntry;
use crate::problem::{ParseError, Problems, Severity};
use crate::setting::Role;
use crate::text::{Span, quoted};
use crate::value::Value;

/// The kernel's limit (`MAXSYMLINKS`, path_resolution(7)).
const LINKS_MAX: usize = 40;

/// A path with its role.
pub(crate) struct RolePath<'a> {
    pub(crate) role: Role,
    pub(crate) path: PathBuf,
    /// `None` for the configuration file itself.
    pub(crate) span: Option<Span<'a>>,
}

impl<'a> RolePath<'a> {
    /// The configuration file.
    pub(crate) fn config(path: &Path) -> Self {
        Self { role: Role::Config, path: path.to_owned(), span: None }
    }

    /// The path in a value that is no list, if it has one.
    pub(crate) fn of_value(role: Option<Role>, value: &Value, span: Span<'a>) -> Option<Self> {
        let path = match value {
            Value::Path(path) | Value::Admin(AdminValue::Socket(AdminSocket::At(path))) => {
                path.clone()
            }
            Value::Prefix(PrefixEntry::File(file)) => file.path.clone(),
            _ => return None,
        };
        Some(Self { role: role?, path, span: Some(span) })
    }

    /// The Unix sockets of a forward's listeners.
    pub(crate) fn of_draft<'d>(draft: &'d Draft<'a>) -> impl Iterator<Item = Self> + use<'a, 'd> {
        draft.listens.iter().filter_map(|listen| {
            let ListenAddress::Unix(path) = &listen.value.first else { return None };
            let span = Some(listen.span.clone());
            Some(Self { role: Role::Listener, path: path.clone(), span })
        })
    }

    /// Sort key: the configuration file first, then the order of the text.
    fn order(&self) -> (u8, usize) {
        let Some(span) = &self.span else { return (0, 0) };
        // Arguments are separate texts, and already in order.
        let start = if span.location().is_command_line() { 0 } else { span.range.start };
        (span.source.rank(), start)
    }

    /// Whether both may be one file: files of prefixes and those of TLS, which are only read, and sockets at one path,
    /// an address conflict that has its own error.
    fn may_share(&self, other: &Self) -> bool {
        let is_socket = |role| matches!(role, Role::AdminSocket | Role::Listener);
        let are_sockets = is_socket(self.role) && is_socket(other.role) && self.path == other.path;
        let are_prefixes = self.role == Role::Prefixes && other.role == Role::Prefixes;
        are_sockets || are_prefixes || self.role.is_of_tls() && other.role.is_of_tls()
    }

    /// Role and path, for messages.
    fn describe(&self) -> String {
        format!("{} {}", self.role.noun(), quoted(&self.path.to_string_lossy()))
    }

    /// Role, path and line, for messages.
    fn describe_with_line(&self, seen_from: &Span<'_>) -> String {
        let Some(location) = self.span.as_ref().map(Span::location) else { return self.describe() };
        if location.source == seen_from.location().source && !location.is_command_line() {
            format!("{} (line {})", self.describe(), location.line)
        } else {
            format!("{} ({location})", self.describe())
        }
    }
}

/// Reports each path that is the same file as an earlier one, and returns the others with this role.
pub(crate) fn check<'a>(
    mut paths: Vec<RolePath<'a>>,
    log: &Log,
    mut files: Files,
    problems: &mut Problems,
    role: Role,
) -> Vec<(PathBuf, Span<'a>)> {
    let mut of_role = Vec::new();
    paths.sort_by_cached_key(RolePath::order);
    let is_rotated = log.rotate_size.is_some() || log.rotate_age.is_some();
    let mut known = Known::default();
    for (index, path) in paths.iter().enumerate() {
        let names = files.names(&path.path);
        let rotates = is_rotated && path.role == Role::Log;
        let taken = known.claim(&names, rotates, index);
        let taken = taken.and_then(|(it, at)| Some((it, paths.get(at)?)));
        let taken = taken.filter(|(_, earlier)| !path.may_share(earlier));
        let Some(span) = &path.span else { continue };
        let Some((relation, earlier)) = taken else {
            if path.role == role {
                of_role.push((path.path.clone(), span.clone()));
            }
            continue;
        };
        let earlier_is = earlier.describe_with_line(span);
        let message = match relation {
            Relation::Same => format!("{} is the same file as {earlier_is}", path.describe()),
            Relation::WithinRotation => {
                format!("{} has a name that the rotation of {earlier_is} uses", path.describe())
            }
            Relation::Rotates => {
                format!("the rotation of {} uses the name of {earlier_is}", path.describe())
            }
        };
        let error =
            ParseError::new(0..0, message).hint(format!("give {} another path", path.role.noun()));
        problems.push(Severity::Error, span, &error);
    }
    of_role
}

/// Conflict between a path and an earlier one.
#[derive(Clone, Copy)]
enum Relation {
    /// Both are the same file.
    Same,
    /// The earlier path is a log, and its rotation creates this name.
    WithinRotation,
    /// This is a log, and its rotation creates the earlier path.
    Rotates,
}

/// Names claimed so far, with the index of the first path that claimed each.
#[derive(Default)]
struct Known {
    all: HashMap<Name, usize>,
    /// Names that look like rotated files, without their suffix.
    suffixed: HashMap<Name, usize>,
    /// Log files that are rotated.
    rotated: HashMap<Name, usize>,
}

impl Known {
    /// Claims a path, or returns the conflict with an earlier one.
    fn claim(&mut self, names: &[Name], rotates: bool, index: usize) -> Option<(Relation, usize)> {
        // Rotation renames the path itself and does not follow links.
        let log = names.first().filter(|_| rotates);
        let stems = || names.iter().filter_map(Name::without_rotation);
        let same = names.iter().find_map(|name| self.all.get(name));
        let within = || stems().find_map(|stem| self.rotated.get(&stem).copied());
        let over = || log.and_then(|log| self.suffixed.get(log).copied());
        let taken = same
            .map(|at| (Relation::Same, *at))
            .or_else(|| Some((Relation::WithinRotation, within()?)))
            .or_else(|| Some((Relation::Rotates, over()?)));
        for name in names {
            self.all.entry(name.clone()).or_insert(index);
        }
        for stem in stems() {
            self.suffixed.entry(stem).or_insert(index);
        }
        if let Some(log) = log {
            self.rotated.insert(log.clone(), index);
        }
        taken
    }
}

/// Device and inode number.
type FileId = (u64, u64);

/// One identity of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    /// An existing file.
    File(FileId),
    /// A path below an existing directory.
    Below(FileId, PathBuf),
    /// A path compared by its text only.
    Text(PathBuf),
}

impl Name {
    /// The name before rotation, if this looks like a rotated file: `log` for `log.new` and
    /// `log.1`.
    fn without_rotation(&self) -> Option<Self> {
        let stem = |path: &Path| {
            let (stem, suffix) = path.file_name()?.to_str()?.rsplit_once('.')?;
            let is_number = suffix.bytes().all(|byte| byte.is_ascii_digit())
                && !suffix.is_empty()
                && !suffix.starts_with('0');
            (is_number || suffix == "new").then(|| path.with_file_name(stem))
        };
        match self {
            Self::File(_) => None,
            Self::Below(directory, path) => Some(Self::Below(*directory, stem(path)?)),
            Self::Text(path) => Some(Self::Text(stem(path)?)),
        }
    }
}

/// How files are identified.
pub(crate) enum Files {
    /// By the text of their paths, without file system access.
    Text,
    /// By the file system. Directories are cached, because many sockets share one.
    Disk(HashMap<PathBuf, Option<FileId>>),
}

impl Files {
    /// Identifies files by the file system.
    pub(crate) fn on_disk() -> Self {
        Self::Disk(HashMap::new())
    }

    /// All identities of the file at a path; the first is the path's own name.
    fn names(&mut self, path: &Path) -> Vec<Name> {
        let Self::Disk(directories) = self else {
            return vec![Name::Text(normal(path, false))];
        };
        let mut names = Vec::new();
        let mut at = path::absolute(path).unwrap_or_else(|_| path.to_owned());
        for _ in 0..LINKS_MAX {
            names.push(below(&at, directories));
            // Each link on the way may be the file that is replaced, and the last target need not
            // exist.
            match (fs::read_link(&at), at.parent()) {
                (Ok(target), Some(parent)) => at = parent.join(target),
                _ => break,
            }
        }
        names.extend(id(path).map(Name::File));
        names
    }
}

/// The path relative to its nearest existing directory.
fn below(path: &Path, directories: &mut HashMap<PathBuf, Option<FileId>>) -> Name {
    for directory in path.ancestors().skip(1) {
        let known = directories.get(directory).copied();
        let id = known.unwrap_or_else(|| {
            let id = id(directory);
            directories.insert(directory.to_owned(), id);
            id
        });
        if let (Some(id), Ok(rest)) = (id, path.strip_prefix(directory)) {
            return Name::Below(id, normal(rest, true));
        }
    }
    Name::Text(normal(path, true))
}

fn id(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// The path without `.` and doubled slashes. `..` is resolved only with `goes_back`: behind a
/// symbolic link, `a/..` may be another directory.
fn normal(path: &Path, goes_back: bool) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        let last = normal.components().next_back();
        let leads_back = goes_back && matches!(last, Some(Component::Normal(_)));
        match component {
            Component::CurDir => {}
            Component::ParentDir if leads_back => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
