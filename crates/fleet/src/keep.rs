//! The directory `keep`: what an instance must know after a restart without its store.
//!
//! `state.json` is small, and names the last good text; the text is in a separate file, named by its hash. Both are
//! written beside their place, synced, and renamed, the text first. So a crash leaves the old state or the new one,
//! each with its text.

mod directory;
mod disk;
mod error;
mod examine;
mod state;

#[cfg(test)]
mod crashes;

pub use error::KeepError;
pub use examine::{ExaminedKeep, examine_keep, lock_of, locking_process};
pub use state::{Ended, Foreign, KeepState, PublishedText, StateFault, Trying};

use crate::model::TextHash;
use crate::text::TEXT_MAX;
use directory::Directory;
use disk::{Disk, FoundFile};
use state::{FoundState, parse, to_json};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the state.
const STATE: &str = "state.json";
/// Name under which a damaged state stays.
const ASIDE: &str = "state.json.damaged";
/// Start of the names of texts.
const TEXT: &str = "text-";
/// End of the names of files that are being written.
const NEW: &str = ".new";
/// Bytes of a state, which holds a few numbers and one reason.
const STATE_MAX: u64 = 1 << 20;
/// An open directory `keep`, locked for this process.
pub struct Keep(Place<Directory>);

impl Keep {
    /// Opens the directory, or creates it in an existing one, and locks it until the value is dropped.
    ///
    /// # Errors
    ///
    /// It cannot be created or opened, another user could write to it, or another process has locked it.
    pub fn open(path: &Path) -> Result<Self, KeepError> {
        Ok(Self(Place::new(path.to_owned(), Directory::open(path)?)))
    }

    /// Reads the state; `None` if there is none yet.
    ///
    /// # Errors
    ///
    /// - [`KeepError::State`]: the state is damaged. The next [`save`](Self::save) moves it aside, to
    ///   `state.json.damaged`.
    /// - [`KeepError::Text`]: the state is good, and its text is damaged. [`KeepError::into_rest`] has the state.
    /// - [`KeepError::Io`]: a call failed. The next attempt may succeed, and a save before would replace a good state.
    pub fn load(&mut self) -> Result<Option<KeepState>, KeepError> {
        self.0.load()
    }

    /// Writes the state, and removes older texts. Opens the directory again if another one has its place, and creates it
    /// if it has been removed.
    ///
    /// # Errors
    ///
    /// A call failed, as on a full disk: the directory has the old state or the new one. A new directory cannot be used,
    /// as in [`open`](Self::open).
    pub fn save(&mut self, kept: &KeepState) -> Result<(), KeepError> {
        if !self.0.disk.is_at(&self.0.path) {
            let mut keep = Self::open(&self.0.path)?;
            match keep.load() {
                Ok(_) | Err(KeepError::State { .. } | KeepError::Text { .. }) => *self = keep,
                Err(error) => return Err(error),
            }
        }
        self.0.save(kept)
    }
}

/// A directory on a disk, or on the model of one.
struct Place<D> {
    path: PathBuf,
    disk: D,
    /// The state in the directory has been read or written by this process.
    is_known: bool,
    /// The text whose file this process has read or written.
    text: Option<TextHash>,
}

impl<D: Disk> Place<D> {
    fn new(path: PathBuf, disk: D) -> Self {
        Self { path, disk, is_known: false, text: None }
    }

    fn load(&mut self) -> Result<Option<KeepState>, KeepError> {
        self.is_known = false;
        let state = |fault| KeepError::State { path: self.path.join(STATE), fault };
        let json = match self.disk.read(STATE, STATE_MAX).map_err(self.failed("read", STATE))? {
            FoundFile::Content(json) => json,
            FoundFile::Unusable(message) => return Err(state(StateFault::Unusable(message))),
            FoundFile::Missing => {
                self.is_known = true;
                return Ok(None);
            }
        };
        let FoundState { mut kept, good } = parse(&json).map_err(state)?;
        if let Some((hash, revision)) = good {
            match self.read_text(hash)? {
                Ok(text) => kept.good = Some(PublishedText { hash, revision, text }),
                Err(message) => {
                    self.is_known = true;
                    let path = self.path.join(text_name(hash));
                    return Err(KeepError::Text { path, message, rest: Box::new(kept) });
                }
            }
        }
        self.is_known = true;
        Ok(Some(kept))
    }

    /// Reads a text, or returns how its file is damaged: a sentence without its subject. A failed call is no damage.
    fn read_text(&mut self, hash: TextHash) -> Result<Result<Arc<str>, String>, KeepError> {
        let name = text_name(hash);
        let found = self.disk.read(&name, TEXT_MAX as u64).map_err(self.failed("read", &name))?;
        let bytes = match found {
            FoundFile::Content(bytes) => bytes,
            FoundFile::Unusable(message) => return Ok(Err(message)),
            FoundFile::Missing => return Ok(Err("is missing".to_owned())),
        };
        let Ok(text) = String::from_utf8(bytes) else { return Ok(Err("is not text".to_owned())) };
        if TextHash::of(&text) != hash {
            return Ok(Err("has changed: its hash is not its name".to_owned()));
        }
        self.text = Some(hash);
        Ok(Ok(text.into()))
    }

    fn save(&mut self, kept: &KeepState) -> Result<(), KeepError> {
        if let Some(good) = &kept.good
            && (self.text != Some(good.hash) || !self.has_text(good.hash))
        {
            self.text = None;
            self.write(&text_name(good.hash), good.text.as_bytes())?;
            self.text = Some(good.hash);
        }
        if !self.is_known {
            self.set_aside()?;
        }
        self.write(STATE, &to_json(kept))?;
        self.remove_others();
        Ok(())
    }

    /// Whether the file of a text exists: an operator may have removed it.
    fn has_text(&self, hash: TextHash) -> bool {
        self.disk.names().is_ok_and(|names| names.contains(&text_name(hash)))
    }

    /// Moves a state that could not be read out of the way.
    fn set_aside(&mut self) -> Result<(), KeepError> {
        match self.disk.rename(STATE, ASIDE) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.failed("rename", STATE)(error))
            }
            _ => {
                self.is_known = true;
                Ok(())
            }
        }
    }

    /// Replaces a file, or leaves it as it is.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), KeepError> {
        let new = format!("{name}{NEW}");
        // Left behind by a crash, or planted.
        self.disk.remove(&new).map_err(self.failed("remove", &new))?;
        if let Err(error) = self.disk.write_synced(&new, bytes) {
            // Gives the space back on a full disk; the next write removes the rest in any case.
            let _ = self.disk.remove(&new);
            return Err(self.failed("write", &new)(error));
        }
        self.disk.rename(&new, name).map_err(self.failed("rename", &new))?;
        self.disk.sync().map_err(self.failed("sync", ""))
    }

    /// Removes texts that the state does not name, and unfinished files. The next save repeats a removal that fails.
    fn remove_others(&self) {
        let current = self.text.map(text_name);
        for name in self.disk.names().unwrap_or_default() {
            let is_ours = name.starts_with(TEXT) || name.ends_with(NEW);
            if is_ours && Some(&name) != current.as_ref() {
                let _ = self.disk.remove(&name);
            }
        }
    }

    fn failed(&self, act: &'static str, name: &str) -> impl FnOnce(io::Error) -> KeepError {
        let path = if name.is_empty() { self.path.clone() } else { self.path.join(name) };
        move |error| KeepError::Io { act, path, error }
    }
}

fn text_name(hash: TextHash) -> String {
    format!("{TEXT}{hash}")
}
