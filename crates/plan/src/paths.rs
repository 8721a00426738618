//! Every path of a plan with its role, and the check that no two of them lead to the same file.
//!
//! A log that is appended to the configuration, or rotated over the token file, destroys it. A path
//! is known by what it leads to: by device and inode where it exists, and by the directory that it
//! would be made in where it does not. So other spellings, links and hard links are the same file.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{self, Component, Path, PathBuf};

use crate::address::ListenAddress;
use crate::draft::Draft;
use crate::plan::{Admin, Log};
use crate::problem::{ParseError, Problems, Severity};
use crate::setting::Role;
use crate::text::{Span, quoted};
use crate::value::Value;

/// As many as the kernel follows (`MAXSYMLINKS`, path_resolution(7)).
const LINKS_MAX: usize = 40;

/// A path of the configuration.
pub(crate) struct RolePath<'a> {
    pub(crate) role: Role,
    pub(crate) path: PathBuf,
    /// `None` for the configuration file, which no text names.
    pub(crate) span: Option<Span<'a>>,
}

impl<'a> RolePath<'a> {
    /// The file that is read.
    pub(crate) fn config(path: &Path) -> Self {
        Self { role: Role::Config, path: path.to_owned(), span: None }
    }

    /// The path that the value of a setting names, if it names one.
    pub(crate) fn of_value(role: Option<Role>, value: &Value, span: Span<'a>) -> Option<Self> {
        let path = match value {
            Value::Path(path) | Value::Admin(Admin::Unix(path)) => path.clone(),
            _ => return None,
        };
        Some(Self { role: role?, path, span: Some(span) })
    }

    /// The sockets that a forward listens on.
    pub(crate) fn of_draft<'d>(draft: &'d Draft<'a>) -> impl Iterator<Item = Self> + use<'a, 'd> {
        draft.listens.iter().filter_map(|listen| {
            let ListenAddress::Unix(path) = &listen.value.first else { return None };
            let span = Some(listen.span.clone());
            Some(Self { role: Role::Listener, path: path.clone(), span })
        })
    }

    /// Where it stands in the order of the text: the configuration file is before all of it.
    fn order(&self) -> (bool, usize) {
        let Some(span) = &self.span else { return (false, 0) };
        // Each argument is a text of its own, and they stand in their order already.
        if span.location().is_command_line() { (true, 0) } else { (false, span.range.start) }
    }

    /// Both are sockets at one path: that is a conflict of addresses, which is reported as such.
    fn is_same_address(&self, other: &Self) -> bool {
        let is_socket = |role| matches!(role, Role::AdminSocket | Role::Listener);
        is_socket(self.role) && is_socket(other.role) && self.path == other.path
    }

    /// The role and the path, for a message.
    fn describe(&self) -> String {
        format!("{} {}", self.role.noun(), quoted(&self.path.to_string_lossy()))
    }

    /// The same, with the line that names it.
    fn describe_with_line(&self, seen_from: &Span<'_>) -> String {
        let Some(location) = self.span.as_ref().map(Span::location) else { return self.describe() };
        if location.source == seen_from.location().source && !location.is_command_line() {
            format!("{} (line {})", self.describe(), location.line)
        } else {
            format!("{} ({location})", self.describe())
        }
    }
}

/// Reports each path that leads to the file of an earlier one.
pub(crate) fn check(
    mut paths: Vec<RolePath<'_>>,
    log: &Log,
    mut files: Files,
    problems: &mut Problems,
) {
    paths.sort_by_cached_key(RolePath::order);
    let is_rotated = log.rotate_size.is_some() || log.rotate_age.is_some();
    let mut known = Known::default();
    for (index, path) in paths.iter().enumerate() {
        let names = files.names(&path.path);
        let rotates = is_rotated && path.role == Role::Log;
        let taken = known.claim(&names, rotates, index);
        let Some((relation, earlier)) = taken.and_then(|(it, at)| Some((it, paths.get(at)?)))
        else {
            continue;
        };
        let Some(span) = path.span.as_ref().filter(|_| !path.is_same_address(earlier)) else {
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
        let fault =
            ParseError::new(0..0, message).hint(format!("give {} another path", path.role.noun()));
        problems.push(Severity::Error, span, &fault);
    }
}

/// How a path meets an earlier one.
#[derive(Clone, Copy)]
enum Relation {
    /// Both lead to one file.
    Same,
    /// The earlier one is a log, and this is a name that its rotation makes.
    WithinRotation,
    /// This is a log, and the earlier one has a name that its rotation makes.
    Rotates,
}

/// What the paths so far lead to, with the index of the first that does.
#[derive(Default)]
struct Known {
    all: HashMap<Name, usize>,
    /// The names of rotated files without their suffix, by what has such a name.
    suffixed: HashMap<Name, usize>,
    /// The log that is rotated, by the name that it is rotated from.
    rotated: HashMap<Name, usize>,
}

impl Known {
    /// Notes a path, or tells which earlier one it meets.
    fn claim(&mut self, names: &[Name], rotates: bool, index: usize) -> Option<(Relation, usize)> {
        // Rotation renames what is at the path itself, and follows no link.
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

/// Device and inode.
type FileId = (u64, u64);

/// One of the things by which a file is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    /// A file that exists.
    File(FileId),
    /// A name below a directory that exists.
    Below(FileId, PathBuf),
    /// A path of which only the text is known.
    Text(PathBuf),
}

impl Name {
    /// The name that this one is rotated from, if it looks like a rotated file: `log.new` and
    /// `log.1` are made of `log`.
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

/// How files are known.
pub(crate) enum Files {
    /// By the text of their paths: the file system is not asked.
    Text,
    /// By the file system. Directories are remembered, as many sockets stand in one.
    Disk(HashMap<PathBuf, Option<FileId>>),
}

impl Files {
    /// Asks the file system.
    pub(crate) fn on_disk() -> Self {
        Self::Disk(HashMap::new())
    }

    /// All by which the file at a path is known; the first is the path's own name.
    fn names(&mut self, path: &Path) -> Vec<Name> {
        let Self::Disk(directories) = self else {
            return vec![Name::Text(normal(path, false))];
        };
        let mut names = Vec::new();
        let mut at = path::absolute(path).unwrap_or_else(|_| path.to_owned());
        for _ in 0..LINKS_MAX {
            names.push(below(&at, directories));
            // Each link on the way may be what is replaced, and the file behind the last need not exist.
            match (fs::read_link(&at), at.parent()) {
                (Ok(target), Some(parent)) => at = parent.join(target),
                _ => break,
            }
        }
        names.extend(id(path).map(Name::File));
        names
    }
}

/// The name below the nearest directory that exists.
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

/// The path without `.` and doubled slashes. Going back by `..` is done only if asked for: where a
/// link may be on the way, `a/..` need not lead back.
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
