//! The directories that stand for a path. Landlock rules apply to files that exist when the rules
//! are made, and most of our files are created, renamed and replaced later; so rules name
//! directories.

use super::error::PlaceError;
use super::{Access, domain};
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// The directory of a path, followed by that of its target if it is a link. A device is never
/// replaced, so it is returned itself. Never empty.
pub(super) fn place(path: &Path) -> io::Result<Vec<PathBuf>> {
    let target = fs::canonicalize(path).ok();
    if let Some(device) = target.as_deref().filter(|target| is_device(target)) {
        return Ok(vec![device.to_owned()]);
    }
    let directory = match path.parent() {
        // A bare file name is in the working directory.
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    };
    let directory = fs::canonicalize(directory)?;
    let behind = target.as_deref().and_then(Path::parent).filter(|it| *it != directory);
    let behind = behind.map(Path::to_owned);
    Ok(std::iter::once(directory).chain(behind).collect())
}

/// Like [`place`], with an error if one of the directories is too broad for a sandbox.
pub(super) fn places(path: &Path, access: Access) -> Result<Vec<PathBuf>, PlaceError> {
    let places = place(path).map_err(PlaceError::NoDirectory)?;
    match places.iter().find(|place| is_too_much(place, access)) {
        None => Ok(places),
        Some(place) => Err(PlaceError::OfSystem(place.clone())),
    }
}

/// Whether opening the directory would expose the root or make system files writable.
fn is_too_much(place: &Path, access: Access) -> bool {
    let is_root = place.parent().is_none();
    let holds_system = || domain::system_directories().any(|path| path.starts_with(place));
    is_root || (access == Access::Write && holds_system())
}

fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| {
        let kind = file.file_type();
        kind.is_char_device() || kind.is_block_device()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_path_needs_its_directory_and_that_of_its_link_target() {
        let dir = tempfile::tempdir().unwrap();
        let at = fs::canonicalize(dir.path()).unwrap();
        for name in ["a", "b"] {
            fs::create_dir(at.join(name)).unwrap();
        }
        fs::write(at.join("b/file"), "").unwrap();
        symlink(at.join("b/file"), at.join("a/link")).unwrap();
        symlink(at.join("b"), at.join("c")).unwrap();
        let of = |path: &str| place(&at.join(path)).unwrap();
        assert_eq!(of("a/to-be-made"), [at.join("a")]);
        assert_eq!(of("a/link"), [at.join("a"), at.join("b")]);
        assert_eq!(of("c/file"), [at.join("b")]);
        assert_eq!(place(Path::new("name")).unwrap(), [std::env::current_dir().unwrap()]);
        assert_eq!(place(Path::new("/dev/null")).unwrap(), [Path::new("/dev/null")]);
        let missing = places(&at.join("d/file"), Access::Write).unwrap_err().to_string();
        assert!(missing.contains("its directory cannot be found"), "{missing}");
    }

    #[test]
    fn system_directories_are_refused() {
        let refused = |path: &str, access| places(Path::new(path), access).is_err();
        for path in ["/forwarder.log", "/etc/forwarder.log", "/dev/log", "/usr/forwarder.log"] {
            assert!(refused(path, Access::Write), "{path}");
        }
        assert!(refused("/forwarder.toml", Access::Read));
        assert!(refused("/program", Access::Execute));
        assert!(!refused("/etc/forwarder.toml", Access::Read));
        assert!(!refused("/usr/bin/program", Access::Execute));
        assert!(!refused("/run/web.sock", Access::Write));
    }
}
