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
}

impl Watch {
    pub(crate) fn new(path: Option<&Path>) -> Self {
        let known = path.and_then(fingerprint);
        Self { path: path.map(Path::to_owned), known, fresh: None }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.path.is_some()
    }

    /// Whether the file is another one than last time, and has come to rest: the same at two looks
    /// in a row. A file that is gone is on its way.
    pub(crate) fn has_changed(&mut self) -> bool {
        let now = self.path.as_deref().and_then(fingerprint);
        if now.is_none() || now == self.known {
            self.fresh = None;
            return false;
        }
        let at_rest = self.fresh == now;
        self.fresh = now;
        if at_rest {
            self.known = now;
        }
        at_rest
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
        assert!(!watch.has_changed());
        fs::write(dir.path().join("new"), "second").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        assert!(!watch.has_changed(), "it may still be written to");
        assert!(watch.has_changed());
        assert!(!watch.has_changed(), "told once");
        fs::remove_file(&path).unwrap();
        assert!(!watch.has_changed() && !watch.has_changed(), "gone is on its way");
        fs::write(&path, "third state").unwrap();
        assert!(!watch.has_changed());
        assert!(watch.has_changed());
    }
}
