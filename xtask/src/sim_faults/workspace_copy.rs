//! A copy of the workspace's sources that faults are put into.

use super::Error;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Entries of the root that no build needs.
const LEFT_OUT: [&str; 4] = ["target", ".git", "docs", "node_modules"];

/// The copy. Unchanged files keep their times, so that a build compiles changed crates only.
pub(super) struct WorkspaceCopy {
    root: PathBuf,
    copy: PathBuf,
}

impl WorkspaceCopy {
    /// Makes the copy in `copy`, or brings it up to date.
    pub(super) fn new(root: &Path, copy: PathBuf) -> Result<Self, Error> {
        let workspace = Self { root: root.to_owned(), copy };
        workspace.update(Path::new(""))?;
        Ok(workspace)
    }

    pub(super) fn path(&self) -> &Path {
        &self.copy
    }

    /// Replaces the text of a file.
    pub(super) fn put(&self, file: &Path, text: &str) -> Result<(), Error> {
        let path = self.copy.join(file);
        fs::write(&path, text).map_err(|error| Error::File(path, error))
    }

    /// Restores the text of a file.
    pub(super) fn restore(&self, file: &Path) -> Result<(), Error> {
        let path = self.root.join(file);
        let text = fs::read(&path).map_err(|error| Error::File(path, error))?;
        let path = self.copy.join(file);
        fs::write(&path, text).map_err(|error| Error::File(path, error))
    }

    /// Makes a directory of the copy equal to the original.
    fn update(&self, directory: &Path) -> Result<(), Error> {
        let (from, to) = (self.root.join(directory), self.copy.join(directory));
        fs::create_dir_all(&to).map_err(|error| Error::File(to.clone(), error))?;
        let mut wanted = names(&from)?;
        if directory == Path::new("") {
            wanted.retain(|name| !LEFT_OUT.contains(&name.as_str()));
        }
        for gone in names(&to)?.difference(&wanted) {
            let path = to.join(gone);
            let removed =
                if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|error| Error::File(path, error))?;
        }
        for name in wanted {
            let (from, to) = (from.join(&name), to.join(&name));
            if from.is_dir() {
                self.update(&directory.join(&name))?;
            } else {
                copy_changed(&from, &to).map_err(|error| Error::File(from, error))?;
            }
        }
        Ok(())
    }
}

fn copy_changed(from: &Path, to: &Path) -> std::io::Result<()> {
    let text = fs::read(from)?;
    if fs::read(to).is_ok_and(|old| old == text) { Ok(()) } else { fs::write(to, text) }
}

fn names(directory: &Path) -> Result<BTreeSet<String>, Error> {
    let error = |error| Error::File(directory.to_owned(), error);
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(directory).map_err(error)? {
        names.insert(entry.map_err(error)?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_its_original() {
        let (root, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = root.path();
        let file = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
        fs::create_dir_all(root.join("crates/a/target")).unwrap();
        fs::create_dir_all(root.join("target")).unwrap();
        file("crates/a/one.rs", "1");
        file("crates/a/two.rs", "2");
        file("target/three.rs", "3");
        file("crates/a/target/four.rs", "4");
        let workspace = WorkspaceCopy::new(root, copy.path().to_owned()).unwrap();
        let read = |name: &str| fs::read_to_string(copy.path().join(name)).ok();
        assert_eq!(read("target/three.rs"), None);
        assert_eq!(read("crates/a/target/four.rs").as_deref(), Some("4"));
        workspace.put(Path::new("crates/a/one.rs"), "fault").unwrap();
        assert_eq!(read("crates/a/one.rs").as_deref(), Some("fault"));
        workspace.restore(Path::new("crates/a/one.rs")).unwrap();
        assert_eq!(read("crates/a/one.rs").as_deref(), Some("1"));
        fs::remove_file(root.join("crates/a/two.rs")).unwrap();
        file("crates/a/one.rs", "changed");
        WorkspaceCopy::new(root, copy.path().to_owned()).unwrap();
        assert_eq!(read("crates/a/one.rs").as_deref(), Some("changed"));
        assert_eq!(read("crates/a/two.rs"), None);
    }
}
