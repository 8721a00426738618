//! Reloads whose answer no operator reads: by a signal, or by a change of a watched file.

use super::outcome::Requester;
use super::{ReloadError, ReloadOptions};
use crate::supervisor::Supervisor;
use std::time::Instant;

impl Supervisor {
    /// Reloads unattended, and logs the result.
    pub(crate) async fn reload_by(&mut self, by: &'static str) {
        let options = ReloadOptions { unattended: true, ..ReloadOptions::default() };
        // The log has the result.
        let _ = self.reload(&options, by).await;
    }

    /// Reloads after a change of a watched file. A file that is wrong is read once more before it is reported, since
    /// another program may not have written all of it yet.
    pub(crate) async fn reload_changed(&mut self) {
        let options = ReloadOptions { unattended: true, ..ReloadOptions::default() };
        let result = self.try_reload(&options).await;
        sys::release_free_memory();
        let is_wrong = matches!(result, Err(ReloadError::Config(_)));
        if !is_wrong || !self.watch.look_again(Instant::now()) {
            self.conclude(Requester::new("watch"), &result);
        }
    }

    /// Retries a reload that failed for a transient reason. The same failure is not logged again.
    pub(crate) async fn retry_reload(&mut self) {
        let options = ReloadOptions { unattended: true, ..ReloadOptions::default() };
        let result = self.try_reload(&options).await;
        sys::release_free_memory();
        let error = result.as_ref().err().map(ReloadError::one_line);
        let before = self.last_reload.as_ref().and_then(|last| last.error.as_ref());
        if error.is_some() && error.as_ref() == before {
            return self.note_reload("watch", &result);
        }
        self.conclude(Requester::new("watch"), &result);
    }
}
