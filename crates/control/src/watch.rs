//! Detects changes of the configuration file and of the files of prefixes since they were read last, by the stamp
//! that the reader took from its descriptor. Works for files that are replaced by rename(2), for symbolic links
//! that change their target (as in Kubernetes), and on file systems without notifications.

use plan::{FileRead, FileStamp, PrefixFileRead};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Time between two checks of the file.
const POLL: Duration = Duration::from_millis(500);
/// A file is read when its stamp has been the same for this long.
const SETTLE: Duration = Duration::from_millis(400);
/// A file whose stamp changes continually is read after this long if its size does not change.
const SETTLE_AT_MOST: Duration = Duration::from_secs(5);
/// A file whose size changes continually as well is read after this long.
const GROW_AT_MOST: Duration = Duration::from_secs(60);
/// Time before a failed reload is tried again; it doubles each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_AT_MOST: Duration = Duration::from_secs(15);
/// A wrong file is read again after this long before it is reported: another program may be writing it, with pauses.
const SECOND_LOOK: Duration = Duration::from_secs(2);
/// A file that keeps changing, and is wrong each time, is reported after this long.
const WRONG_AT_MOST: Duration = Duration::from_secs(10);

/// The configuration file and the files of prefixes, and whether they are watched.
pub(crate) struct Watch {
    config: Option<WatchedFile>,
    /// The files of prefixes that were opened last.
    prefix_files: Vec<WatchedFile>,
    on: bool,
    retry: Option<Retry>,
    wrong: Option<Wrong>,
    next_check: Instant,
}

/// A file and its state when it was read last.
struct WatchedFile {
    path: PathBuf,
    /// The file as it was read last, even if it could not be applied.
    read: Option<FileRead>,
    /// The stamp of a file that could not be read.
    unreadable: Option<FileStamp>,
    /// Whether a write within the same tick of the clock may have left the same stamp: the bytes
    /// are compared again after the tick.
    unproven: bool,
    changing: Option<Changing>,
    /// Consecutive checks that found no file.
    gone: u32,
}

/// A file whose stamp differs from the one read last.
struct Changing {
    stamp: FileStamp,
    /// When the stamp first differed.
    since: Instant,
    /// When this stamp was first seen.
    same_since: Instant,
    /// When this size was first seen.
    size_since: Instant,
}

/// The next attempt after a reload that failed for a transient reason.
struct Retry {
    at: Instant,
    pause: Duration,
}

/// Files that could not be understood, which is not reported yet.
struct Wrong {
    since: Instant,
    second_look: Instant,
}

/// The result of a check of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileChange {
    /// The file does not differ, or may still be written to.
    Unchanged,
    /// The file differs from the one read last, and has settled.
    Changed,
    /// The last reload failed for a transient reason, and the next attempt is due.
    Retry,
    /// The files were wrong when they were read last, and are due for their second look.
    StillWrong,
    /// The file is gone. Reported once until it is back.
    Gone,
}

impl Watch {
    /// Watches the configuration file at `path`, which was last read in the state `read`.
    pub(crate) fn new(path: Option<&Path>, on: bool, read: Option<FileRead>) -> Self {
        Self {
            config: path.map(|path| WatchedFile::new(path.to_owned(), read)),
            prefix_files: Vec::new(),
            on,
            retry: None,
            wrong: None,
            next_check: Instant::now() + POLL,
        }
    }

    /// Whether a change of a file requests a reload.
    pub(crate) fn is_on(&self) -> bool {
        self.on && self.config.is_some()
    }

    /// Turns the watch on or off. Keeps the state of the files read last.
    pub(crate) fn set_on(&mut self, on: bool, now: Instant) {
        if on && !self.on {
            self.next_check = now + POLL;
        }
        self.on = on;
    }

    /// The path of the configuration file.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.config.as_ref().map(|file| &*file.path)
    }

    /// The state of the configuration file read last, for the next process image. `None` while another reading
    /// is due: the next image then treats the file as changed.
    pub(crate) fn for_next_image(&self) -> Option<FileRead> {
        self.config.as_ref()?.read.filter(|_| self.retry.is_none() && self.wrong.is_none())
    }

    /// The state of a file of prefixes read last, for the next process image.
    pub(crate) fn prefix_file_for_next_image(&self, path: &Path) -> Option<FileRead> {
        self.prefix_files.iter().find(|file| file.path == path)?.read
    }

    /// Records that the configuration file was read; `read` is `None` if that failed.
    pub(crate) fn was_read(&mut self, read: Option<FileRead>) {
        let Some(config) = &mut self.config else { return };
        if read.is_some() && config.read != read {
            self.retry = None;
        }
        config.was_read(read);
    }

    /// Records the files of prefixes that were opened with it.
    pub(crate) fn were_read(&mut self, prefix_files: Vec<PrefixFileRead>) {
        let watched = |PrefixFileRead { path, state }| {
            let mut file = WatchedFile::new(path, None);
            file.was_read(state);
            file
        };
        self.prefix_files = prefix_files.into_iter().map(watched).collect();
    }

    /// Resumes the watch of the previous process image on files of prefixes. One without a state counts as
    /// changed.
    pub(crate) fn resume(&mut self, files: impl Iterator<Item = (PathBuf, Option<FileRead>)>) {
        self.prefix_files = files.map(|(path, read)| WatchedFile::new(path, read)).collect();
    }

    /// Schedules another attempt, after the files could not be applied for a transient reason.
    pub(crate) fn retry_later(&mut self, now: Instant) {
        let before = self.retry.take().map(|retry| retry.pause);
        let pause = before.map_or(RETRY_FIRST, |pause| (pause * 2).min(RETRY_AT_MOST));
        self.retry = Some(Retry { at: now + pause, pause });
    }

    /// Cancels further attempts to apply the files read last.
    pub(crate) fn stop_retrying(&mut self) {
        self.retry = None;
    }

    /// Schedules the second look at files that are wrong. Returns false if they have been wrong for long, and are due
    /// to be reported.
    pub(crate) fn look_again(&mut self, now: Instant) -> bool {
        let since = self.wrong.take().map_or(now, |wrong| wrong.since);
        let report_at = since + WRONG_AT_MOST;
        if now >= report_at {
            return false;
        }
        self.wrong = Some(Wrong { since, second_look: (now + SECOND_LOOK).min(report_at) });
        true
    }

    /// Cancels the second look: the result of the last reading is reported.
    pub(crate) fn stop_looking(&mut self) {
        self.wrong = None;
    }

    /// Time of the next check.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.is_on().then_some(self.next_check)
    }

    /// Checks the files, if the next check is due.
    pub(crate) fn check(&mut self, now: Instant) -> FileChange {
        let is_due = self.on && now >= self.next_check;
        let Some(config) = self.config.as_mut().filter(|_| is_due) else {
            return FileChange::Unchanged;
        };
        self.next_check = now + POLL;
        let change = config.check(now);
        if change != FileChange::Unchanged {
            return change;
        }
        let of_prefixes = |file: &mut WatchedFile| match file.check(now) {
            // A reload is refused, and says so.
            FileChange::Gone => true,
            change => change == FileChange::Changed,
        };
        // Each file has its turn: `any` would stop at the first one.
        let changed =
            self.prefix_files.iter_mut().filter_map(|file| of_prefixes(file).then_some(()));
        if changed.count() > 0 {
            return FileChange::Changed;
        }
        if self.wrong.take_if(|wrong| wrong.second_look <= now).is_some() {
            return FileChange::StillWrong;
        }
        let is_time = self.retry.as_ref().is_some_and(|retry| retry.at <= now);
        if is_time { FileChange::Retry } else { FileChange::Unchanged }
    }
}

impl WatchedFile {
    fn new(path: PathBuf, read: Option<FileRead>) -> Self {
        Self { path, read, unreadable: None, unproven: true, changing: None, gone: 0 }
    }

    fn was_read(&mut self, read: Option<FileRead>) {
        self.unreadable = if read.is_none() { stamp(&self.path) } else { None };
        self.read = read.or(self.read);
        self.unproven = read.is_some();
        self.changing = None;
    }

    fn check(&mut self, now: Instant) -> FileChange {
        let Some(stamp) = stamp(&self.path) else {
            self.changing = None;
            self.gone = self.gone.saturating_add(1);
            // A file that has never been read was missing before.
            let is_news = self.gone == 2 && (self.read.is_some() || self.unreadable.is_some());
            return if is_news { FileChange::Gone } else { FileChange::Unchanged };
        };
        self.gone = 0;
        if self.unreadable == Some(stamp) || self.unreadable.is_none() && self.is_known(stamp) {
            self.changing = None;
            return self.check_known();
        }
        let changing = match self.changing.take() {
            Some(changing) => changing.seen(stamp, now),
            None => Changing::begin(stamp, now),
        };
        if changing.has_settled(now) {
            return FileChange::Changed;
        }
        self.changing = Some(changing);
        FileChange::Unchanged
    }

    /// Whether the file read last had this stamp.
    fn is_known(&self, stamp: FileStamp) -> bool {
        self.read.is_some_and(|read| read.stamp == stamp)
    }

    /// Checks a file with the stamp of the one read last.
    fn check_known(&mut self) -> FileChange {
        if self.unproven && self.unreadable.is_none() {
            let found = plan::identify_file(&self.path).ok().flatten();
            self.unproven = found.is_none();
            if found.is_some() && found != self.read {
                return FileChange::Changed;
            }
        }
        FileChange::Unchanged
    }
}

impl Changing {
    fn begin(stamp: FileStamp, now: Instant) -> Self {
        Self { stamp, since: now, same_since: now, size_since: now }
    }

    /// Updates the times for a file that has this stamp now.
    fn seen(self, stamp: FileStamp, now: Instant) -> Self {
        let since = |same: bool, before: Instant| if same { before } else { now };
        Self {
            stamp,
            since: self.since,
            same_since: since(self.stamp == stamp, self.same_since),
            size_since: since(self.stamp.size == stamp.size, self.size_since),
        }
    }

    /// Whether to read the file now: its stamp has settled, or has changed for too long.
    fn has_settled(&self, now: Instant) -> bool {
        let [since, same, size] = [self.since, self.same_since, self.size_since]
            .map(|moment| now.saturating_duration_since(moment));
        same >= SETTLE || size >= SETTLE && since >= SETTLE_AT_MOST || since >= GROW_AT_MOST
    }
}

fn stamp(path: &Path) -> Option<FileStamp> {
    std::fs::metadata(path).ok().map(|file| FileStamp::of(&file))
}

#[cfg(test)]
mod tests;
