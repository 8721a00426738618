//! Notices that the configuration file has changed: by asking for its inode, size and time. That
//! also works where an editor writes a new file and renames it, where the file is a link that is
//! turned elsewhere, and on file systems that notify nobody.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What tells one state of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

/// A file that is watched, or nothing.
#[derive(Default)]
pub(crate) struct Watch {
    path: Option<PathBuf>,
    /// The state that was read last.
    known: Option<Fingerprint>,
    /// The state at the last look, if it was another one.
    fresh: Option<Fingerprint>,
    /// For how many looks it has been gone.
    gone: u32,
}

/// What a look at the file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Nothing new.
    Same,
    /// It is another one than last time.
    Changed,
    /// It is gone; told once, until it is back.
    Gone,
}

impl Watch {
    pub(crate) fn new(path: Option<&Path>) -> Self {
        let known = path.and_then(fingerprint);
        Self { path: path.map(Path::to_owned), known, ..Self::default() }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.path.is_some()
    }

    /// Where the file is, if it is watched.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Looks at the file. What it tells has come to rest: it was the same at two looks in a row.
    pub(crate) fn look(&mut self) -> Sight {
        let Some(path) = &self.path else { return Sight::Same };
        let Some(now) = fingerprint(path) else {
            self.fresh = None;
            self.gone = self.gone.saturating_add(1);
            return if self.gone == 2 { Sight::Gone } else { Sight::Same };
        };
        self.gone = 0;
        let is_other = self.known != Some(now);
        let at_rest = is_other && self.fresh == Some(now);
        self.fresh = is_other.then_some(now);
        if at_rest {
            self.known = Some(now);
            return Sight::Changed;
        }
        Sight::Same
    }
}

fn fingerprint(path: &Path) -> Option<Fingerprint> {
    let file = std::fs::metadata(path).ok()?;
    Some(Fingerprint {
        device: file.dev(),
        inode: file.ino(),
        size: file.size(),
        modified: (file.mtime(), file.mtime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_was_replaced_is_noticed_when_it_has_come_to_rest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("conf");
        fs::write(&path, "one").unwrap();
        let mut watch = Watch::new(Some(&path));
        assert_eq!(watch.look(), Sight::Same);
        fs::write(dir.path().join("new"), "second").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        assert_eq!(watch.look(), Sight::Same, "it may still be written to");
        assert_eq!(watch.look(), Sight::Changed);
        assert_eq!(watch.look(), Sight::Same, "told once");
    }

    #[test]
    fn a_file_that_is_gone_is_told_once_and_noticed_when_it_is_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("conf");
        fs::write(&path, "one").unwrap();
        let mut watch = Watch::new(Some(&path));
        for _ in 0..2 {
            fs::remove_file(&path).unwrap();
            assert_eq!(watch.look(), Sight::Same, "it may be on its way");
            assert_eq!(watch.look(), Sight::Gone);
            assert_eq!(watch.look(), Sight::Same, "told once");
            fs::write(&path, "another state").unwrap();
            watch.look();
        }
        assert_eq!(watch.look(), Sight::Changed);
    }
}
