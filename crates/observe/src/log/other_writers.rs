//! Other users with write permission in the log file's directory. Their links are not followed, but
//! they can remove the file, read rotated ones, and fill the disk through it.

use std::path::Path;
use sys::{Entry, Writers};

/// Users other than root and the process's own that may change the directory of this file, or of its
/// link target. `None` also if that cannot be determined.
pub fn other_writers(path: &Path) -> Option<Writers> {
    let places = [Entry::at(path), Entry::reached_by(path)];
    places.into_iter().flatten().find_map(|place| place.writers().ok()?)
}
