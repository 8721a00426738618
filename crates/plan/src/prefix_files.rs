//! Files of prefixes: reads them, gives the lists of a plan their contents, and resolves them. Equal lists of a
//! plan share their memory.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow::{AccessList, NotAPrefix, Prefix};

use crate::file::{self, FileRead};
use crate::plan::{Forward, Plan};
use crate::prefix_list::{PrefixEntry, PrefixFile, PrefixList};
use crate::problem::{ParseError, Problems, Severity};
use crate::text::{Fragment, Source, Span, quoted};

/// Prefixes in all files together: a hundred lists of the size that networks publish.
const PREFIXES_MAX: usize = 10_000_000;

/// Where the contents of prefix files come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PrefixSource<'f> {
    /// The files.
    Disk,
    /// Files that were read before.
    Given(&'f [PrefixFile]),
}

/// A prefix file that was opened for a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixFileRead {
    /// Path of the file, as configured.
    pub path: PathBuf,
    /// Its stamp and hash; `None` if it could not be read.
    pub state: Option<FileRead>,
}

/// The contents of the files that a configuration names.
#[derive(Default)]
pub(crate) struct PrefixFiles {
    contents: HashMap<PathBuf, Arc<[Prefix]>>,
    /// The files that were opened.
    pub(crate) reads: Vec<PrefixFileRead>,
    prefixes: usize,
}

impl PrefixFiles {
    /// Reads the files at these paths. Problems within the files are collected apart: each file has its own lines.
    pub(crate) fn read<'a>(
        paths: impl Iterator<Item = (PathBuf, Span<'a>)>,
        source: PrefixSource<'_>,
        problems: &mut Problems,
        in_files: &mut Problems,
    ) -> Self {
        let mut files = Self::default();
        for (path, span) in paths {
            let contents = match source {
                PrefixSource::Disk => files.read_one(&path, &span, problems, in_files),
                PrefixSource::Given(given) => {
                    let file = given.iter().find(|file| file.path == path);
                    if file.is_none() {
                        let message = format!("the prefixes of {} are not known", name(&path));
                        problems.push(Severity::Error, &span, &ParseError::new(0..0, message));
                    }
                    file.map(|file| Arc::clone(&file.prefixes))
                }
            };
            let Some(contents) = contents else { continue };
            files.prefixes += contents.len();
            if files.prefixes > PREFIXES_MAX {
                let message = format!("the prefix files have more than {PREFIXES_MAX} prefixes");
                problems.push(Severity::Error, &span, &ParseError::new(0..0, message));
                break;
            }
            files.contents.insert(path, contents);
        }
        files
    }

    fn read_one(
        &mut self,
        path: &Path,
        span: &Span<'_>,
        problems: &mut Problems,
        in_files: &mut Problems,
    ) -> Option<Arc<[Prefix]>> {
        let (text, state) = file::read(path);
        self.reads.push(PrefixFileRead { path: path.to_owned(), state });
        match text {
            Ok(text) => {
                let quoting = Quoting::of_file_named_in(span.source);
                Some(parse(&path.to_string_lossy(), text, quoting, in_files))
            }
            Err(fault) if fault.location.is_some() => {
                in_files.push_error_at(fault.location, &fault.message, fault.hint);
                None
            }
            Err(fault) => {
                let message = format!("the prefix file {}", fault.message);
                problems.push(Severity::Error, span, &ParseError::new(0..0, message));
                None
            }
        }
    }

    /// Gives the lists of these forwards their prefixes, and resolves them.
    pub(crate) fn fill(&self, forwards: &mut [Forward]) {
        let mut filled =
            Filled { files: self, by_address: HashMap::new(), by_value: HashMap::new() };
        let mut resolved = HashMap::new();
        for forward in forwards {
            let settings = &mut forward.settings;
            filled.fill(&mut settings.allow);
            filled.fill(&mut settings.deny);
            let (allow, deny) = (&settings.allow, &settings.deny);
            if !allow.is_empty() || !deny.is_empty() {
                let list = resolved.entry((allow.address(), deny.address()));
                forward.access = Some(Arc::clone(list.or_insert_with(|| resolve(allow, deny))));
            }
        }
    }
}

fn resolve(allow: &PrefixList, deny: &PrefixList) -> Arc<AccessList> {
    Arc::new(AccessList::new(allow.prefixes(), deny.prefixes(), allow.is_empty()))
}

/// Lists with their prefixes, by the same lists without the contents of files.
struct Filled<'f> {
    files: &'f PrefixFiles,
    /// By the memory that forwards share which inherit the list, kept here so that it stays in use.
    by_address: HashMap<usize, (PrefixList, PrefixList)>,
    by_value: HashMap<PrefixList, PrefixList>,
}

impl Filled<'_> {
    fn fill(&mut self, list: &mut PrefixList) {
        if list.is_empty() {
            return;
        }
        if let Some((_, filled)) = self.by_address.get(&list.address()) {
            *list = filled.clone();
            return;
        }
        let unfilled = without_repeats(list);
        let filled = self.files.filled(&unfilled);
        let filled = self.by_value.entry(unfilled).or_insert(filled).clone();
        let unfilled = std::mem::replace(list, filled.clone());
        self.by_address.insert(unfilled.address(), (unfilled, filled));
    }
}

impl PrefixFiles {
    /// The list with the prefixes of its files.
    fn filled(&self, list: &PrefixList) -> PrefixList {
        let entries = list.entries().iter().map(|entry| match entry {
            PrefixEntry::File(PrefixFile { path, .. }) => {
                let prefixes = self.contents.get(path).cloned().unwrap_or_default();
                PrefixEntry::File(PrefixFile { path: path.clone(), prefixes })
            }
            PrefixEntry::Prefix(_) => entry.clone(),
        });
        PrefixList::new(entries.collect())
    }
}

/// The list with each entry once.
fn without_repeats(list: &PrefixList) -> PrefixList {
    let mut seen = HashSet::new();
    let entries = list.entries().iter().filter(|entry| seen.insert(*entry));
    PrefixList::new(entries.cloned().collect())
}

/// One prefix a line; `#` begins a comment.
/// Whether problems show what a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quoting {
    Shown,
    /// A publisher may name any file, and every reader of the store sees why a text was refused.
    Hidden,
}

impl Quoting {
    fn of_file_named_in(source: &Source) -> Self {
        if source.is_published() { Self::Hidden } else { Self::Shown }
    }
}

fn parse(name: &str, text: String, quoting: Quoting, problems: &mut Problems) -> Arc<[Prefix]> {
    let source = Source::new(name, text);
    let mut prefixes = Vec::new();
    let mut at = 0;
    for line in source.text().split_inclusive('\n') {
        let content = line.find('#').unwrap_or(line.len());
        let prefix = Fragment::new(line).part(0..content).trimmed();
        if !prefix.text.is_empty() {
            match prefix.text.parse() {
                Ok(prefix) => prefixes.push(prefix),
                Err(error) => {
                    let range = prefix.range();
                    let span = source.span(at + range.start..at + range.end);
                    push_error(&span, prefix.text, error, quoting, problems);
                }
            }
        }
        at += line.len();
    }
    prefixes.into()
}

fn push_error(
    span: &Span<'_>,
    entry: &str,
    error: NotAPrefix,
    quoting: Quoting,
    problems: &mut Problems,
) {
    match quoting {
        Quoting::Shown => {
            let error = ParseError::new(0..0, format!("{}: {error}", quoted(entry)));
            problems.push(Severity::Error, span, &error);
        }
        Quoting::Hidden => {
            let message = "this line is not an IP address or a prefix";
            problems.push_error_at(Some(span.location()), message, None);
        }
    }
}

/// Reads the text of a prefix file that [`PrefixFile::to_text`] has written.
///
/// # Errors
///
/// Lines that are no prefixes in this version.
pub fn prefix_file(path: PathBuf, text: &str) -> Result<PrefixFile, Problems> {
    let mut problems = Problems::default();
    let prefixes = parse(&path.to_string_lossy(), text.to_owned(), Quoting::Shown, &mut problems);
    if problems.is_empty() { Ok(PrefixFile { path, prefixes }) } else { Err(problems) }
}

fn name(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

impl Plan {
    /// The files of prefixes in lists of forwards, each once.
    pub fn prefix_files(&self) -> Vec<&PrefixFile> {
        let (mut lists, mut paths) = (HashSet::new(), HashSet::new());
        let settings = self.forwards.iter().map(|forward| &forward.settings);
        let all = settings.flat_map(|settings| [&settings.allow, &settings.deny]);
        let files = all.filter(|list| lists.insert(list.address())).flat_map(PrefixList::files);
        files.filter(|file| paths.insert(&file.path)).collect()
    }

    /// Uses the lists of the running plan where they have not changed, so that comparing the plans is quick and
    /// memory is used once.
    pub fn share_lists_with(&mut self, running: &Self) {
        let mut seen = HashSet::new();
        let with_lists = running.forwards.iter().filter(|forward| forward.access.is_some());
        let running: Vec<_> = with_lists.filter(|forward| seen.insert(lists_of(forward))).collect();
        let mut known = HashMap::new();
        for forward in self.forwards.iter_mut().filter(|forward| forward.access.is_some()) {
            let same = known.entry(lists_of(forward)).or_insert_with(|| {
                let new = &forward.settings;
                running.iter().find(|running| {
                    running.settings.allow == new.allow && running.settings.deny == new.deny
                })
            });
            if let Some(same) = *same {
                let forward = Arc::make_mut(forward);
                forward.settings.allow = same.settings.allow.clone();
                forward.settings.deny = same.settings.deny.clone();
                forward.access.clone_from(&same.access);
            }
        }
    }
}

/// Identifies the lists of a forward by their memory.
fn lists_of(forward: &Forward) -> (usize, usize) {
    (forward.settings.allow.address(), forward.settings.deny.address())
}
