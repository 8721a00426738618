//! Detects that the configuration file differs from the one read last, by the stamp that the reader
//! took from its descriptor. That also works if an editor writes a new file and renames it, if the
//! path is a symbolic link that changes its target (as Kubernetes does), and on file systems without
//! notifications.

use plan::{FileRead, FileStamp};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Time between two looks at the file.
const LOOK: Duration = Duration::from_millis(500);
/// A file is read when its stamp has been the same for this long.
const SETTLE: Duration = Duration::from_millis(400);
/// A file whose stamp changes continually is read after this long if its size does not change.
const SETTLE_AT_MOST: Duration = Duration::from_secs(5);
/// A file whose size changes continually as well is read after this long.
const GROW_AT_MOST: Duration = Duration::from_secs(60);
/// Time before a failed reload is tried again; it doubles each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_AT_MOST: Duration = Duration::from_secs(15);

/// The configuration file, and whether it is watched.
pub(crate) struct Watch {
    path: Option<PathBuf>,
    on: bool,
    /// The file as it was read last, whether it could be applied or not.
    read: Option<FileRead>,
    /// The stamp of a file that could not be read.
    unreadable: Option<FileStamp>,
    /// Whether a write within the same tick of the clock may have left the same stamp: the bytes are
    /// compared again after the tick.
    unproven: bool,
    changing: Option<Changing>,
    /// Consecutive checks that found no file.
    gone: u32,
    retry: Option<Retry>,
    next_look: Instant,
}

/// A file whose stamp differs from the one read last.
struct Changing {
    stamp: FileStamp,
    /// When another stamp than the known one was first seen.
    since: Instant,
    /// When this stamp, and this size, were first seen.
    same_since: Instant,
    size_since: Instant,
}

/// The next attempt after a reload that failed for a transient reason.
struct Retry {
    at: Instant,
    pause: Duration,
}

/// The result of a check of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Nothing to do.
    Same,
    /// It differs from the one read last, and has settled.
    Changed,
    /// Its last reload failed for a transient reason, and the next attempt is due.
    Retry,
    /// It is gone; reported once, until it is back.
    Gone,
}

impl Watch {
    /// For the file at `path`, which was read as `read`.
    pub(crate) fn new(path: Option<&Path>, on: bool, read: Option<FileRead>) -> Self {
        Self {
            path: path.map(Path::to_owned),
            on,
            read,
            unreadable: None,
            unproven: true,
            changing: None,
            gone: 0,
            retry: None,
            next_look: Instant::now() + LOOK,
        }
    }

    /// Whether changes of the file are requests to reload it.
    pub(crate) fn is_on(&self) -> bool {
        self.on && self.path.is_some()
    }

    /// Turns it on or off. The state of the file read last is kept.
    pub(crate) fn turn(&mut self, on: bool, now: Instant) {
        if on && !self.on {
            self.next_look = now + LOOK;
        }
        self.on = on;
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The file as it was read last, for the next process image. Nothing while its reload failed and
    /// waits to be tried again: the next image then reads the file as a changed one.
    pub(crate) fn for_next_image(&self) -> Option<FileRead> {
        self.read.filter(|_| self.retry.is_none())
    }

    /// The file was read, successfully or not.
    pub(crate) fn was_read(&mut self, read: Option<FileRead>) {
        if read.is_some() && self.read != read {
            self.retry = None;
        }
        let stamp = || self.path.as_deref().and_then(stamp);
        self.unreadable = if read.is_none() { stamp() } else { None };
        self.read = read.or(self.read);
        self.unproven = read.is_some();
        self.changing = None;
    }

    /// Schedules another attempt, after the file could not be applied for a transient reason.
    pub(crate) fn retry_later(&mut self, now: Instant) {
        let before = self.retry.take().map(|retry| retry.pause);
        let pause = before.map_or(RETRY_FIRST, |pause| (pause * 2).min(RETRY_AT_MOST));
        self.retry = Some(Retry { at: now + pause, pause });
    }

    /// Cancels further attempts to apply the file read last.
    pub(crate) fn give_up_retrying(&mut self) {
        self.retry = None;
    }

    /// When to check next.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.is_on().then_some(self.next_look)
    }

    /// Checks the file, if the next check is due.
    pub(crate) fn look(&mut self, now: Instant) -> Sight {
        let Some(path) = self.path.as_deref().filter(|_| self.on && now >= self.next_look) else {
            return Sight::Same;
        };
        self.next_look = now + LOOK;
        let Some(stamp) = stamp(path) else {
            self.changing = None;
            self.gone = self.gone.saturating_add(1);
            return if self.gone == 2 { Sight::Gone } else { Sight::Same };
        };
        self.gone = 0;
        if self.unreadable == Some(stamp) || self.unreadable.is_none() && self.is_known(stamp) {
            self.changing = None;
            return self.look_at_known(now);
        }
        let changing = match self.changing.take() {
            Some(changing) => changing.seen(stamp, now),
            None => Changing::begin(stamp, now),
        };
        if changing.has_settled(now) {
            return Sight::Changed;
        }
        self.changing = Some(changing);
        Sight::Same
    }

    fn is_known(&self, stamp: FileStamp) -> bool {
        self.read.is_some_and(|read| read.stamp == stamp)
    }

    /// Checks a file with the stamp of the one read last.
    fn look_at_known(&mut self, now: Instant) -> Sight {
        if self.unproven && self.unreadable.is_none() {
            let found = self.path.as_deref().and_then(|path| plan::identify_file(path).ok());
            let found = found.flatten();
            self.unproven = found.is_none();
            if found.is_some() && found != self.read {
                return Sight::Changed;
            }
        }
        let is_time = self.retry.as_ref().is_some_and(|retry| retry.at <= now);
        if is_time { Sight::Retry } else { Sight::Same }
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

    /// Whether it may be read: its stamp has settled, or has changed continually for too long.
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
mod tests {
    use super::*;
    use std::fs::{self, File, FileTimes};
    use tempfile::TempDir;

    /// A file that is watched, and a clock.
    struct Ground {
        dir: TempDir,
        watch: Watch,
        now: Instant,
    }

    impl Ground {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("conf");
            fs::write(&path, "one").unwrap();
            let mut watch = Watch::new(Some(&path), true, None);
            watch.was_read(plan::read_file(&path).1);
            Self { watch, now: Instant::now(), dir }
        }

        fn path(&self) -> PathBuf {
            self.dir.path().join("conf")
        }

        fn write(&self, text: &str) {
            fs::write(self.path(), text).unwrap();
        }

        fn look(&mut self) -> Sight {
            self.now += LOOK;
            self.watch.look(self.now)
        }

        /// Reads it, as the supervisor does.
        fn read(&mut self) {
            let state = plan::read_file(&self.path()).1;
            self.watch.was_read(state);
        }

        /// Checks until this result; returns the time that took.
        fn wait_for(&mut self, what: Sight) -> Duration {
            let begin = self.now;
            for _ in 0..1000 {
                if self.look() == what {
                    return self.now - begin;
                }
            }
            panic!("{what:?} is missing");
        }

        fn is_at_rest(&mut self) {
            for _ in 0..100 {
                assert_eq!(self.look(), Sight::Same);
            }
        }
    }

    #[test]
    fn a_file_that_was_replaced_is_noticed_when_it_has_settled() {
        let mut ground = Ground::new();
        ground.is_at_rest();
        fs::write(ground.dir.path().join("new"), "second").unwrap();
        fs::rename(ground.dir.path().join("new"), ground.path()).unwrap();
        assert_eq!(ground.look(), Sight::Same, "it may still be written to");
        assert_eq!(ground.look(), Sight::Changed);
        ground.read();
        ground.is_at_rest();
    }

    #[test]
    fn a_change_before_the_first_look_is_noticed() {
        let mut ground = Ground::new();
        ground.write("second");
        ground.wait_for(Sight::Changed);
    }

    /// As Kubernetes changes a ConfigMap: the path leads over a link to a directory.
    #[test]
    fn a_link_that_leads_elsewhere_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for version in ["1", "2"] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("conf"), "of equal size").unwrap();
        }
        std::os::unix::fs::symlink(at("1"), at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/conf", at("conf")).unwrap();
        let mut ground = Ground { watch: Watch::new(None, true, None), now: Instant::now(), dir };
        ground.watch = Watch::new(Some(&ground.path()), true, None);
        ground.read();
        ground.is_at_rest();
        let at = |name: &str| ground.dir.path().join(name);
        std::os::unix::fs::symlink(at("2"), at("..new")).unwrap();
        fs::rename(at("..new"), at("..data")).unwrap();
        ground.wait_for(Sight::Changed);
    }

    #[test]
    fn other_text_of_the_same_size_and_time_is_noticed() {
        let mut ground = Ground::new();
        let modified = fs::metadata(ground.path()).unwrap().modified().unwrap();
        ground.is_at_rest();
        // The clock of the file system advances in ticks.
        let changed = |ground: &Ground| stamp(&ground.path()).unwrap().changed;
        let before = changed(&ground);
        for _ in 0..1000 {
            ground.write("two");
            let file = File::options().write(true).open(ground.path()).unwrap();
            file.set_times(FileTimes::new().set_modified(modified)).unwrap();
            if changed(&ground) != before {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        ground.wait_for(Sight::Changed);
    }

    /// Another text is written within the same tick, so that it has the stamp of the text read.
    #[test]
    fn other_text_within_one_tick_of_the_clock_is_noticed() {
        let mut ground = Ground::new();
        ground.write("two");
        let read = ground.watch.read.as_mut().unwrap();
        read.stamp = stamp(&ground.dir.path().join("conf")).unwrap();
        assert_eq!(ground.look(), Sight::Changed);
        ground.read();
        ground.is_at_rest();
    }

    /// Like `touch` in a loop; the size stays.
    #[test]
    fn a_file_that_is_written_to_all_the_time_is_read_all_the_same() {
        let mut ground = Ground::new();
        ground.write("two");
        ground.look();
        let mut took = 2 * LOOK;
        for second in 1..1000 {
            let file = File::options().write(true).open(ground.path()).unwrap();
            let time = std::time::UNIX_EPOCH + Duration::from_secs(second);
            file.set_times(FileTimes::new().set_modified(time)).unwrap();
            if ground.look() == Sight::Changed {
                break;
            }
            took += LOOK;
        }
        assert!((SETTLE_AT_MOST..SETTLE_AT_MOST + 2 * LOOK).contains(&took), "{took:?}");
    }

    #[test]
    fn a_file_that_grows_is_not_read_before_it_is_whole() {
        let mut ground = Ground::new();
        let mut text = "two".to_owned();
        for _ in 0..40 {
            text.push_str(" and more");
            ground.write(&text);
            assert_eq!(ground.look(), Sight::Same);
        }
        assert_eq!(ground.wait_for(Sight::Changed), LOOK);
    }

    #[test]
    fn a_file_that_is_gone_is_reported_once_and_noticed_when_it_is_back() {
        let mut ground = Ground::new();
        for _ in 0..2 {
            fs::remove_file(ground.path()).unwrap();
            assert_eq!(ground.look(), Sight::Same, "it may be on its way");
            assert_eq!(ground.look(), Sight::Gone);
            ground.is_at_rest();
            // The same text, and perhaps the same inode.
            ground.write("one");
            ground.wait_for(Sight::Changed);
            ground.read();
        }
    }

    #[test]
    fn a_failed_reload_is_tried_again_ever_more_seldom_until_the_file_changes() {
        let mut ground = Ground::new();
        ground.is_at_rest();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            ground.read();
            ground.watch.retry_later(ground.now);
            pauses.push(ground.wait_for(Sight::Retry).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 15, 15, 15]);
        ground.write("second");
        ground.wait_for(Sight::Changed);
        ground.read();
        ground.is_at_rest();
        ground.watch.retry_later(ground.now);
        assert_eq!(ground.wait_for(Sight::Retry).as_secs(), 1, "another file begins anew");
    }

    #[test]
    fn an_unreadable_file_is_tried_again_later_only() {
        let mut ground = Ground::new();
        ground.write("second");
        ground.wait_for(Sight::Changed);
        ground.watch.was_read(None);
        ground.is_at_rest();
        ground.watch.retry_later(ground.now);
        ground.wait_for(Sight::Retry);
        ground.write("a third one");
        ground.wait_for(Sight::Changed);
    }

    #[test]
    fn a_file_that_is_not_watched_is_not_looked_at() {
        let mut ground = Ground::new();
        ground.watch.turn(false, ground.now);
        ground.write("second");
        assert_eq!((ground.watch.due(), ground.look()), (None, Sight::Same));
        ground.watch.turn(true, ground.now);
        ground.wait_for(Sight::Changed);
    }
}
