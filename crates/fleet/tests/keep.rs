//! The directory `keep` on a real file system.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use fleet::{
    Ended, Foreign, InstanceState, Keep, KeepError, KeepState, PublishedText, TextHash, Trying,
};
use std::error::Error;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("keep");
    (directory, path)
}

fn kept(revision: u64, text: &str) -> KeepState {
    let good = PublishedText { hash: TextHash::of(text), revision, text: text.into() };
    KeepState { cluster: u64::MAX, revision, good: Some(good), ..KeepState::default() }
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn text_path(path: &Path, kept: &KeepState) -> PathBuf {
    path.join(format!("text-{}", kept.good.as_ref().unwrap().hash))
}

#[test]
fn a_state_comes_back_with_its_text_and_without_older_ones() {
    let (_directory, path) = place();
    let mut keep = Keep::open(&path).unwrap();
    assert_eq!(keep.load().unwrap(), None);
    keep.save(&kept(1, "first")).unwrap();
    let mut last = kept(2, "second");
    last.trying = Some(Trying { revision: 3, text: TextHash::of("third") });
    last.foreign = Some(Foreign { cluster: 9, revision: 1 });
    last.ended = Some(Ended {
        revision: 2,
        text: TextHash::of("lost"),
        state: InstanceState::FellBack,
        why: "a reason \u{1F4A5}\n".to_owned(),
        since: "2026-11-29T20:00:00Z".to_owned(),
    });
    keep.save(&last).unwrap();
    assert_eq!(keep.load().unwrap(), Some(last.clone()));
    drop(keep);
    let mut keep = Keep::open(&path).unwrap();
    assert_eq!(keep.load().unwrap(), Some(last.clone()));
    let text = text_path(&path, &last);
    let text_name = text.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(names(&path), ["lock".to_owned(), "state.json".to_owned(), text_name]);
    for name in names(&path) {
        let mode = fs::metadata(path.join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{name}");
    }
    // An unchanged text is not written again.
    let number = fs::metadata(&text).unwrap().ino();
    last.trying = None;
    keep.save(&last).unwrap();
    assert_eq!(fs::metadata(&text).unwrap().ino(), number);
}

#[test]
fn a_second_process_is_refused() {
    let (_directory, path) = place();
    let keep = Keep::open(&path).unwrap();
    let error = Keep::open(&path).err().unwrap();
    assert!(matches!(error, KeepError::InUse { .. }), "{error}");
    drop(keep);
    Keep::open(&path).unwrap();
}

#[test]
fn a_damaged_state_is_reported_and_stays_beside_its_successor() {
    for damaged in ["", "{}", "\0", r#"{"format":1,"cluster":-1}"#, r#"{"format":2,"x":1}"#] {
        let (_directory, path) = place();
        Keep::open(&path).unwrap().save(&kept(1, "a")).unwrap();
        fs::write(path.join("state.json"), damaged).unwrap();
        let mut keep = Keep::open(&path).unwrap();
        let error = keep.load().unwrap_err();
        assert!(matches!(error, KeepError::State { .. }), "{error}");
        assert!(error.to_string().contains("state.json` "), "{error}");
        assert_eq!(error.source().is_some(), !damaged.contains("\"format\":2"));
        assert_eq!(fs::read(path.join("state.json")).unwrap(), damaged.as_bytes());
        keep.save(&kept(2, "b")).unwrap();
        assert_eq!(fs::read(path.join("state.json.damaged")).unwrap(), damaged.as_bytes());
        drop(keep);
        assert_eq!(Keep::open(&path).unwrap().load().unwrap(), Some(kept(2, "b")));
    }
}

#[test]
fn a_state_that_was_not_read_is_not_lost() {
    let (_directory, path) = place();
    Keep::open(&path).unwrap().save(&kept(1, "a")).unwrap();
    let old = fs::read(path.join("state.json")).unwrap();
    Keep::open(&path).unwrap().save(&kept(2, "b")).unwrap();
    assert_eq!(fs::read(path.join("state.json.damaged")).unwrap(), old);
}

#[test]
fn a_damaged_text_leaves_the_rest_of_the_state() {
    type Damage = fn(&Path);
    let saved = kept(4, "text");
    let without = KeepState { good: None, ..saved.clone() };
    let damages: [(Damage, &str); 4] = [
        (|text| fs::write(text, "other").unwrap(), "has changed"),
        (|text| fs::remove_file(text).unwrap(), "is missing"),
        (|text| fs::write(text, b"\xff").unwrap(), "is not text"),
        (
            |text| {
                fs::remove_file(text).unwrap();
                fs::create_dir(text).unwrap();
            },
            "is not a regular file",
        ),
    ];
    for (damage, words) in damages {
        let (_directory, path) = place();
        Keep::open(&path).unwrap().save(&saved).unwrap();
        damage(&text_path(&path, &saved));
        let mut keep = Keep::open(&path).unwrap();
        let error = keep.load().unwrap_err();
        assert!(error.to_string().contains("last good text"), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.into_rest(), Some(without.clone()));
        // The state as such is fine, and the text comes back with the next save, unless its place is taken.
        if text_path(&path, &saved).is_dir() {
            let error = keep.save(&saved).unwrap_err();
            assert!(error.to_string().contains("could not rename"), "{error}");
            fs::remove_dir(text_path(&path, &saved)).unwrap();
        }
        keep.save(&saved).unwrap();
        assert_eq!(keep.load().unwrap(), Some(saved.clone()));
        assert!(!path.join("state.json.damaged").exists());
    }
}

#[test]
fn planted_links_lead_nowhere() {
    let (directory, path) = place();
    let victim = directory.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let saved = kept(1, "a");
    let mut keep = Keep::open(&path).unwrap();
    for name in ["state.json", "state.json.new"] {
        symlink(&victim, path.join(name)).unwrap();
    }
    for end in ["", ".new"] {
        symlink(&victim, format!("{}{end}", text_path(&path, &saved).display())).unwrap();
    }
    let error = keep.load().unwrap_err();
    assert!(matches!(error, KeepError::State { .. }), "{error}");
    assert!(error.to_string().contains("state.json` is a symbolic link: "), "{error}");
    keep.save(&saved).unwrap();
    assert_eq!(keep.load().unwrap(), Some(saved));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    drop(keep);
    fs::remove_file(path.join("lock")).unwrap();
    symlink(&victim, path.join("lock")).unwrap();
    assert!(Keep::open(&path).is_err());
}

#[test]
fn a_directory_of_others_is_refused() {
    let (_directory, path) = place();
    drop(Keep::open(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
    for mode in [0o770, 0o707, 0o1777] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = Keep::open(&path).err().unwrap();
        assert!(matches!(error, KeepError::Exposed { .. }), "{error}");
        assert!(error.to_string().contains(&format!("mode {mode:04o}")), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Keep::open(&path).unwrap();
}

#[test]
fn what_is_no_directory_is_named() {
    let (directory, path) = place();
    let error = Keep::open(&path.join("deeper")).err().unwrap();
    assert!(error.to_string().contains("create the directory above it"), "{error}");
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Keep::open(&file).err().unwrap();
    assert!(error.to_string().contains("could not open"), "{error}");
}
