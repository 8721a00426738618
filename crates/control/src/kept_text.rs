//! The start of an instance of a fleet from its last good published text, without its store.

use fleet::{Keep, KeepError, KeepState, PublishedText};
use plan::{FilesRead, Fleet, Input, Plan, Published};
use std::path::Path;

/// The opened directory `keep`, with the state in it.
pub struct OpenedKeep {
    pub(crate) keep: Keep,
    pub(crate) kept: Option<KeepState>,
    /// The error of a damaged state, which the next save moves aside.
    pub(crate) damage: Option<String>,
}

impl OpenedKeep {
    fn load(mut keep: Keep) -> Result<Self, KeepError> {
        match keep.load() {
            Ok(kept) => Ok(Self { keep, kept, damage: None }),
            Err(error @ (KeepError::State { .. } | KeepError::Text { .. })) => {
                let damage = Some(error.to_string());
                Ok(Self { keep, kept: error.into_rest(), damage })
            }
            Err(error) => Err(error),
        }
    }

    /// Opens the directory after the start of the process.
    ///
    /// # Errors
    ///
    /// The directory cannot be opened, or a call to read its state failed. That is no damage: a later attempt may find
    /// the state as it was.
    pub(crate) fn open(path: &Path) -> Result<Self, KeepError> {
        let opened = Self::load(Keep::open(path)?)?;
        if let Some(error) = &opened.damage {
            tracing::error!(error, "the state of the fleet cannot be read");
        }
        Ok(opened)
    }
}

/// A process that has read its files, and does not serve yet.
pub struct Prepared {
    /// The local forwards, and those of the published text if it can run.
    pub plan: Plan,
    /// The files that were read for the plan.
    pub read: FilesRead,
    /// The directory of a fleet, if it has been opened and its state could be read.
    pub keep: Option<OpenedKeep>,
}

impl Prepared {
    /// Without a published text, or with that of a handover.
    pub fn new(plan: Plan, read: FilesRead) -> Self {
        Self { plan, read, keep: None }
    }

    /// Adds the last good published text to the plan of a start.
    ///
    /// A text that is no longer right on this machine does not keep the local forwards from serving: it is logged and
    /// left out, and the process is not ready until another text runs. The same holds for a text that cannot be read. A
    /// directory that cannot be used at all ends the start: another process may use it, or its trials could not be
    /// recorded.
    ///
    /// # Errors
    ///
    /// The directory cannot be opened, or another process has locked it.
    pub fn add_kept_text(mut self, input: &Input) -> Result<Self, KeepError> {
        let Some(Fleet { keep, .. }) = &self.plan.fleet else { return Ok(self) };
        let problem = match OpenedKeep::load(Keep::open(keep)?) {
            Ok(opened) => self.keep.insert(opened).damage.clone(),
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = problem {
            tracing::error!(
                error,
                "the last good published configuration cannot be read: only the local forwards serve"
            );
        }
        let good = self.keep.as_ref().and_then(|it| it.kept.as_ref()?.good.clone());
        if let Some(PublishedText { hash, revision, text }) = good {
            self.add(Published { revision, hash: hash.to_string(), text }, input);
        }
        Ok(self)
    }

    fn add(&mut self, published: Published, input: &Input) {
        let revision = published.revision;
        let with_text = Input { published: Some(published), ..input.clone() };
        let text = self.plan.text.clone().unwrap_or_default();
        let reading = plan::read_text_and_files(&with_text, &text);
        if let Some(plan) = reading.plan {
            (self.plan, self.read.prefix_files) = (plan, reading.prefix_files);
            return;
        }
        let problems = reading.problems.render(false);
        tracing::error!(
            revision,
            problems,
            "the last good published configuration is wrong on this machine: only the local forwards serve"
        );
    }
}
