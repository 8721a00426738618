//! Lists of prefixes: the values of `allow` and `deny`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

use flow::Prefix;

/// Prefixes named in a change of a list; the others are counted.
const NAMED_MAX: usize = 3;

/// The value of `allow` or `deny`. Clones share the prefixes, so that forwards which inherit a list, or name
/// the same files, have it once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PrefixList(Arc<[PrefixEntry]>);

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PrefixEntry {
    /// A prefix, or an address.
    Prefix(Prefix),
    /// All prefixes of a file.
    File(PrefixFile),
}

/// A file of prefixes and its contents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrefixFile {
    /// Path of the file, as configured.
    pub path: PathBuf,
    /// Its prefixes when it was read, in the order of the file. The file may have changed since.
    pub prefixes: Arc<[Prefix]>,
}

impl PrefixFile {
    /// A file that has not been read.
    pub(crate) fn unread(path: PathBuf) -> Self {
        Self { path, prefixes: Arc::default() }
    }

    /// The prefixes as the text of a file.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for prefix in &*self.prefixes {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{prefix}");
        }
        text
    }
}

impl PrefixList {
    /// A list of these entries.
    pub(crate) fn new(entries: Vec<PrefixEntry>) -> Self {
        Self(entries.into())
    }

    /// Whether the list has no entry. A list with an empty file has one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries in the order of the configuration.
    pub fn entries(&self) -> &[PrefixEntry] {
        &self.0
    }

    /// A list that has every address.
    pub fn all() -> Self {
        let all = [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()];
        let all = all.map(|address| PrefixEntry::Prefix(Prefix::around(address, 0, 0)));
        Self::new(all.into())
    }

    /// Whether it is an `allow` with files that have no prefix: it allows no client.
    pub fn allows_none(&self) -> bool {
        !self.is_empty() && self.has_none()
    }

    /// Whether it has no prefix.
    pub(crate) fn has_none(&self) -> bool {
        self.prefixes().next().is_none()
    }

    /// The same prefixes, without the names of files.
    #[must_use]
    pub fn without_files(&self) -> Self {
        Self::new(self.prefixes().map(PrefixEntry::Prefix).collect())
    }

    /// The files among the entries.
    pub fn files(&self) -> impl Iterator<Item = &PrefixFile> {
        self.0.iter().filter_map(|entry| match entry {
            PrefixEntry::File(file) => Some(file),
            PrefixEntry::Prefix(_) => None,
        })
    }

    /// All prefixes, those of files included.
    pub fn prefixes(&self) -> impl Iterator<Item = Prefix> {
        self.0.iter().flat_map(|entry| match entry {
            PrefixEntry::Prefix(prefix) => std::slice::from_ref(prefix).iter().copied(),
            PrefixEntry::File(file) => file.prefixes.iter().copied(),
        })
    }

    /// Identifies the memory that clones share.
    pub(crate) fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }

    /// The differences to a new list in words, such as `2 prefixes added`.
    pub(crate) fn parts(&self, new: &Self) -> Vec<String> {
        let [before, after] = [self, new].map(|list| list.prefixes().collect::<BTreeSet<_>>());
        let added = difference(&after, &before, "added");
        let removed = difference(&before, &after, "removed");
        let parts: Vec<_> = added.into_iter().chain(removed).collect();
        if parts.is_empty() {
            vec!["the same prefixes, written differently".to_owned()]
        } else {
            parts
        }
    }
}

/// The prefixes of one set that the other lacks, in words.
fn difference(of: &BTreeSet<Prefix>, other: &BTreeSet<Prefix>, verb: &str) -> Option<String> {
    let mut named = Vec::new();
    let mut count = 0usize;
    for prefix in of.difference(other) {
        count += 1;
        if count <= NAMED_MAX {
            named.push(prefix.to_string());
        }
    }
    if count > NAMED_MAX {
        named.push(format!("and {} more", count - NAMED_MAX));
    }
    let noun = if count == 1 { "prefix" } else { "prefixes" };
    (count > 0).then(|| format!("{count} {noun} {verb} ({})", named.join(", ")))
}
