//! Where the admin socket is, if the configuration leaves it open.

use crate::admin_address::admin_sockets;
use std::path::{Path, PathBuf};

/// The first of the places that this process may use; it has a directory then.
pub(super) fn usable_socket() -> Option<PathBuf> {
    first(|directory| {
        // It may be there already; what matters is what is there in the end.
        let _ = std::fs::create_dir(directory);
        is_usable(directory)
    })
}

/// The same, of the directories that are there.
pub(crate) fn present_socket() -> Option<PathBuf> {
    first(is_usable)
}

fn first(suits: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    admin_sockets().into_iter().find(|path| path.parent().is_some_and(&suits))
}

/// The first of the directories that is there, and that this user may not write in.
pub(super) fn forbidden_directory() -> Option<PathBuf> {
    let directories =
        admin_sockets().into_iter().filter_map(|path| Some(path.parent()?.to_owned()));
    directories.into_iter().find(|path| path.is_dir() && !sys::may_write_in(path))
}

fn is_usable(directory: &Path) -> bool {
    directory.is_dir() && sys::may_write_in(directory)
}
