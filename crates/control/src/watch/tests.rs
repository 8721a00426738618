use super::*;
use std::fs::{self, File, FileTimes};
use tempfile::TempDir;

/// A watched file, and a simulated clock.
struct Fixture {
    dir: TempDir,
    watch: Watch,
    now: Instant,
}

impl Fixture {
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

    fn check(&mut self) -> FileChange {
        self.now += POLL;
        self.watch.check(self.now)
    }

    /// Reads the file, as the supervisor does.
    fn read(&mut self) {
        let state = plan::read_file(&self.path()).1;
        self.watch.was_read(state);
    }

    /// Checks the file until this result. Returns the simulated time.
    fn wait_for(&mut self, what: FileChange) -> Duration {
        let begin = self.now;
        for _ in 0..1000 {
            if self.check() == what {
                return self.now - begin;
            }
        }
        panic!("{what:?} is missing");
    }

    fn is_at_rest(&mut self) {
        for _ in 0..100 {
            assert_eq!(self.check(), FileChange::Unchanged);
        }
    }
}

#[test]
fn a_replaced_file_is_detected_once_it_has_settled() {
    let mut fixture = Fixture::new();
    fixture.is_at_rest();
    fs::write(fixture.dir.path().join("new"), "second").unwrap();
    fs::rename(fixture.dir.path().join("new"), fixture.path()).unwrap();
    assert_eq!(fixture.check(), FileChange::Unchanged, "it may still be written to");
    assert_eq!(fixture.check(), FileChange::Changed);
    fixture.read();
    fixture.is_at_rest();
}

#[test]
fn a_change_before_the_first_check_is_detected() {
    let mut fixture = Fixture::new();
    fixture.write("second");
    fixture.wait_for(FileChange::Changed);
}

/// Kubernetes changes a ConfigMap so: the path contains a link to a directory.
#[test]
fn a_link_with_a_new_target_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for version in ["1", "2"] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("conf"), "of equal size").unwrap();
    }
    std::os::unix::fs::symlink(at("1"), at("..data")).unwrap();
    std::os::unix::fs::symlink("..data/conf", at("conf")).unwrap();
    let mut fixture = Fixture { watch: Watch::new(None, true, None), now: Instant::now(), dir };
    fixture.watch = Watch::new(Some(&fixture.path()), true, None);
    fixture.read();
    fixture.is_at_rest();
    let at = |name: &str| fixture.dir.path().join(name);
    std::os::unix::fs::symlink(at("2"), at("..new")).unwrap();
    fs::rename(at("..new"), at("..data")).unwrap();
    fixture.wait_for(FileChange::Changed);
}

#[test]
fn other_text_of_the_same_size_and_modification_time_is_detected() {
    let mut fixture = Fixture::new();
    let modified = fs::metadata(fixture.path()).unwrap().modified().unwrap();
    fixture.is_at_rest();
    // The clock of the file system advances in ticks.
    let changed = |fixture: &Fixture| stamp(&fixture.path()).unwrap().changed;
    let before = changed(&fixture);
    for _ in 0..1000 {
        fixture.write("two");
        let file = File::options().write(true).open(fixture.path()).unwrap();
        file.set_times(FileTimes::new().set_modified(modified)).unwrap();
        if changed(&fixture) != before {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    fixture.wait_for(FileChange::Changed);
}

/// Another text is written within the same tick, so it has the stamp of the text read.
#[test]
fn other_text_within_one_tick_of_the_clock_is_detected() {
    let mut fixture = Fixture::new();
    fixture.write("two");
    let read = fixture.watch.config.as_mut().unwrap().read.as_mut().unwrap();
    read.stamp = stamp(&fixture.dir.path().join("conf")).unwrap();
    assert_eq!(fixture.check(), FileChange::Changed);
    fixture.read();
    fixture.is_at_rest();
}

/// Like `touch` in a loop: the size stays.
#[test]
fn a_continually_modified_file_is_read_in_the_end() {
    let mut fixture = Fixture::new();
    fixture.write("two");
    fixture.check();
    let mut took = 2 * POLL;
    for second in 1..1000 {
        let file = File::options().write(true).open(fixture.path()).unwrap();
        let time = std::time::UNIX_EPOCH + Duration::from_secs(second);
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
        if fixture.check() == FileChange::Changed {
            break;
        }
        took += POLL;
    }
    assert!((SETTLE_AT_MOST..SETTLE_AT_MOST + 2 * POLL).contains(&took), "{took:?}");
}

#[test]
fn a_growing_file_is_not_read_before_it_is_complete() {
    let mut fixture = Fixture::new();
    let mut text = "two".to_owned();
    for _ in 0..40 {
        text.push_str(" and more");
        fixture.write(&text);
        assert_eq!(fixture.check(), FileChange::Unchanged);
    }
    assert_eq!(fixture.wait_for(FileChange::Changed), POLL);
}

#[test]
fn a_missing_file_is_reported_once_and_detected_when_it_is_back() {
    let mut fixture = Fixture::new();
    for _ in 0..2 {
        fs::remove_file(fixture.path()).unwrap();
        assert_eq!(fixture.check(), FileChange::Unchanged, "it may be replaced right now");
        assert_eq!(fixture.check(), FileChange::Gone);
        fixture.is_at_rest();
        // The same text, and perhaps the same inode.
        fixture.write("one");
        fixture.wait_for(FileChange::Changed);
        fixture.read();
    }
}

#[test]
fn a_failed_reload_is_retried_with_growing_pauses_until_the_file_changes() {
    let mut fixture = Fixture::new();
    fixture.is_at_rest();
    let mut pauses = Vec::new();
    for _ in 0..7 {
        fixture.read();
        fixture.watch.retry_later(fixture.now);
        pauses.push(fixture.wait_for(FileChange::Retry).as_secs());
    }
    assert_eq!(pauses, [1, 2, 4, 8, 15, 15, 15]);
    fixture.write("second");
    fixture.wait_for(FileChange::Changed);
    fixture.read();
    fixture.is_at_rest();
    fixture.watch.retry_later(fixture.now);
    assert_eq!(
        fixture.wait_for(FileChange::Retry).as_secs(),
        1,
        "another file starts with the first pause"
    );
}

#[test]
fn a_wrong_file_has_a_second_look_before_it_is_reported() {
    let mut fixture = Fixture::new();
    fixture.write("half");
    fixture.wait_for(FileChange::Changed);
    fixture.read();
    assert!(fixture.watch.look_again(fixture.now));
    assert_eq!(fixture.watch.for_next_image(), None, "the next image looks, too");
    assert_eq!(fixture.wait_for(FileChange::StillWrong), SECOND_LOOK);
    fixture.read();
    fixture.watch.stop_looking();
    fixture.is_at_rest();
    assert!(fixture.watch.for_next_image().is_some());
    fixture.write("the other half");
    fixture.wait_for(FileChange::Changed);
}

/// Each part comes within the pause before the second look.
#[test]
fn a_file_that_is_written_with_pauses_is_not_reported_within_ten_seconds() {
    let mut fixture = Fixture::new();
    let (begin, mut text) = (fixture.now, "part".to_owned());
    fixture.write(&text);
    let first = fixture.wait_for(FileChange::Changed);
    loop {
        fixture.read();
        if !fixture.watch.look_again(fixture.now) {
            break;
        }
        text.push_str(" and part");
        fixture.write(&text);
        fixture.wait_for(FileChange::Changed);
        assert!(fixture.now - begin < Duration::from_secs(60), "never reported");
    }
    assert_eq!(fixture.now.duration_since(begin), first + WRONG_AT_MOST);
    fixture.is_at_rest();
}

#[test]
fn an_unreadable_file_is_retried_after_a_pause() {
    let mut fixture = Fixture::new();
    fixture.write("second");
    fixture.wait_for(FileChange::Changed);
    fixture.watch.was_read(None);
    fixture.is_at_rest();
    fixture.watch.retry_later(fixture.now);
    fixture.wait_for(FileChange::Retry);
    fixture.write("a third one");
    fixture.wait_for(FileChange::Changed);
}

#[test]
fn an_unwatched_file_is_not_checked() {
    let mut fixture = Fixture::new();
    fixture.watch.set_on(false, fixture.now);
    fixture.write("second");
    assert_eq!((fixture.watch.due(), fixture.check()), (None, FileChange::Unchanged));
    fixture.watch.set_on(true, fixture.now);
    fixture.wait_for(FileChange::Changed);
}

/// Reads the configuration and a file of prefixes beside it, as the supervisor does.
fn read_both(fixture: &mut Fixture, path: &Path) {
    fixture.read();
    let state = plan::read_file(path).1;
    fixture.watch.were_read(vec![PrefixFileRead { path: path.to_owned(), state }]);
}

#[test]
fn a_file_of_prefixes_is_watched_like_the_configuration() {
    let mut fixture = Fixture::new();
    let list = fixture.dir.path().join("list");
    // Missing at first.
    read_both(&mut fixture, &list);
    fixture.is_at_rest();
    for text in ["10.0.0.0/8", "10.0.0.0/16", "a mistake"] {
        fs::write(&list, text).unwrap();
        fixture.wait_for(FileChange::Changed);
        read_both(&mut fixture, &list);
        fixture.is_at_rest();
    }
    fs::remove_file(&list).unwrap();
    assert_eq!(fixture.check(), FileChange::Unchanged, "it may be replaced right now");
    assert_eq!(fixture.check(), FileChange::Changed);
    read_both(&mut fixture, &list);
    fixture.is_at_rest();
    fixture.write("second");
    fixture.wait_for(FileChange::Changed);
}
