//! Other users who may write where the log's file is. Links of theirs are not followed; they can still
//! take the file away, read what is rotated, and fill the disk in its name.

use std::path::Path;
use sys::{Entry, Writers};

/// Users beside root and the own one who may change the directory of this file, or the one that it
/// leads to. `None` also where that cannot be known.
pub(crate) fn other_writers(path: &Path) -> Option<Writers> {
    let places = [Entry::at(path), Entry::reached_by(path)];
    places.into_iter().flatten().find_map(|place| place.writers().ok()?)
}
