use super::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// A directory and the settings of a log in it.
struct LogDirectory {
    dir: TempDir,
    log: plan::Log,
}

impl LogDirectory {
    fn new(rotate_size: Option<u64>, rotate_age: Option<Duration>, keep: u32) -> Self {
        let keep = NonZeroU32::new(keep).unwrap();
        let log = plan::Log { rotate_size, rotate_age, keep, ..plan::Log::default() };
        Self { dir: TempDir::new().unwrap(), log }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn open(&self) -> LogFile {
        LogFile::open(&self.path("log"), &self.log).unwrap()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| error.to_string())
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let name =
            |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort_unstable();
        names
    }
}

fn mkfifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

fn write(file: &mut LogFile, line: &str) {
    file.rotate_if_due(line.len() as u64).unwrap();
    file.append(line).unwrap();
}

#[test]
fn a_file_is_rotated_before_it_exceeds_its_limit() {
    let place = LogDirectory::new(Some(8), None, 2);
    let mut file = place.open();
    for line in ["one\n", "two\n", "three\n", "four-four-four\n", "five\n"] {
        write(&mut file, line);
    }
    assert_eq!(place.names(), ["log", "log.1", "log.2"]);
    assert_eq!(place.read("log"), "five\n");
    assert_eq!(place.read("log.1"), "four-four-four\n", "a longer line gets a separate file");
    assert_eq!(place.read("log.2"), "three\n", "older files are removed");
}

#[test]
fn files_beyond_a_lowered_keep_are_removed() {
    let mut place = LogDirectory::new(Some(1), None, 5);
    let mut file = place.open();
    (0..9).for_each(|_| write(&mut file, "line\n"));
    assert_eq!(place.names().len(), 6);
    place.log.keep = NonZeroU32::new(1).unwrap();
    write(&mut place.open(), "line\n");
    assert_eq!(place.names(), ["log", "log.1"]);
}

#[test]
fn a_file_is_rotated_by_age() {
    let place = LogDirectory::new(None, Some(Duration::from_secs(60)), 3);
    let mut file = place.open();
    write(&mut file, "old\n");
    write(&mut file, "as old\n");
    file.since -= Duration::from_secs(61);
    write(&mut file, "new\n");
    assert_eq!((place.read("log"), place.read("log.1")), ("new\n".into(), "old\nas old\n".into()));
}

#[test]
fn a_restart_appends_and_counts_the_existing_size() {
    let place = LogDirectory::new(Some(8), None, 3);
    write(&mut place.open(), "one\n");
    write(&mut place.open(), "two\n");
    assert_eq!(place.read("log"), "one\ntwo\n");
    write(&mut place.open(), "three\n");
    assert_eq!(place.read("log.1"), "one\ntwo\n");
    let mode = fs::metadata(place.path("log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o137, 0, "{mode:o}: not readable by others");
}

#[test]
fn a_moved_file_is_replaced_on_reopen_only() {
    let place = LogDirectory::new(None, None, 3);
    let mut file = place.open();
    write(&mut file, "one\n");
    fs::rename(place.path("log"), place.path("old")).unwrap();
    write(&mut file, "two\n");
    assert_eq!(place.read("old"), "one\ntwo\n");
    file.reopen().unwrap();
    write(&mut file, "three\n");
    assert_eq!((place.read("old"), place.read("log")), ("one\ntwo\n".into(), "three\n".into()));
}

#[test]
fn a_file_that_cannot_be_rotated_or_reopened_stays_in_use() {
    let place = LogDirectory::new(Some(4), None, 1);
    let mut file = place.open();
    write(&mut file, "one\n");
    // Nothing can be renamed onto a directory.
    fs::create_dir(place.path("log.1")).unwrap();
    let trouble = file.rotate_if_due(4).unwrap_err().to_string();
    assert!(trouble.contains("cannot rotate the log file `/"), "{trouble}");
    file.append("two\n").unwrap();
    file.rotate_if_due(4).expect("no retry before the pause is over");
    fs::rename(place.path("log"), place.path("moved")).unwrap();
    fs::create_dir(place.path("log")).unwrap();
    let trouble = file.reopen().unwrap_err().to_string();
    assert!(trouble.contains("cannot reopen the log file `/"), "{trouble}");
    file.append("three\n").unwrap();
    assert_eq!(place.read("moved"), "one\ntwo\nthree\n");
    assert_eq!(place.names(), ["log", "log.1", "moved"], "the temporary file is removed");
}

#[test]
fn a_truncated_file_is_not_rotated() {
    let place = LogDirectory::new(Some(8), None, 3);
    let mut file = place.open();
    write(&mut file, "one\ntwo\n");
    fs::write(place.path("log"), "").unwrap();
    write(&mut file, "three\n");
    assert_eq!((place.names().len(), place.read("log")), (1, "three\n".into()));
}

#[test]
fn a_partial_line_is_truncated() {
    let place = LogDirectory::new(None, None, 3);
    let mut file = place.open();
    write(&mut file, "one\n");
    // The effect of a write(2) with room for a part of the line only.
    file.file.write_all(b"tw").unwrap();
    let _ = file.torn(2, &ErrorKind::StorageFull.into());
    write(&mut file, "three\n");
    assert_eq!(place.read("log"), "one\nthree\n");
}

#[test]
fn a_device_is_never_rotated_and_a_pipe_is_refused() {
    let place = LogDirectory::new(Some(1), None, 3);
    let mut file = LogFile::open(Path::new("/dev/null"), &place.log).unwrap();
    (0..3).for_each(|_| write(&mut file, "line\n"));
    let mut full = LogFile::open(Path::new("/dev/full"), &place.log).unwrap();
    let trouble = full.append("line\n").unwrap_err().to_string();
    assert!(trouble.contains("no space left on device"), "{trouble}");
    mkfifo(&place.path("log"));
    let error = LogFile::open(&place.path("log"), &place.log).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("it is a pipe"), "{error}");
}
