//! Crashes and failures at each step of a save, on a model of a disk that keeps only synced content and names, and an
//! arbitrary part of the rest.

use super::disk::{Disk, FoundFile};
use super::{KeepError, KeepState, Place, PublishedText, STATE, TEXT, TextHash};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// A file: bytes in memory, and the bytes that are certainly on the disk.
#[derive(Clone, Default)]
struct Inode {
    bytes: Vec<u8>,
    synced: Option<Vec<u8>>,
}

/// Names with the numbers of their files.
type Names = BTreeMap<String, usize>;

#[derive(Default)]
struct Model {
    files: RefCell<Vec<Inode>>,
    names: RefCell<Names>,
    /// The names after each change since the last sync, oldest first; the first is on the disk.
    history: RefCell<Vec<Names>>,
    /// Steps until each further one fails.
    left: Cell<usize>,
    /// Reads of names that begin so fail.
    unread: Cell<Option<&'static str>>,
}

impl Model {
    fn step(&self) -> io::Result<()> {
        if self.left.get() == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.left.set(self.left.get() - 1);
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut Names)) {
        change(&mut self.names.borrow_mut());
        self.history.borrow_mut().push(self.names.borrow().clone());
    }

    /// The disk after a loss of power: names as of one of the changes since the last sync; files as synced, or any
    /// beginning of their bytes.
    fn after_crash(&self, random: &mut impl FnMut(usize) -> usize) -> Self {
        let mut pick = self.history.borrow().clone();
        let names =
            if pick.is_empty() { Names::new() } else { pick.swap_remove(random(pick.len())) };
        let files = self.files.borrow();
        let files = files.iter().map(|file| {
            let bytes = file
                .synced
                .clone()
                .unwrap_or_else(|| file.bytes[..random(file.bytes.len() + 1)].to_vec());
            Inode { synced: Some(bytes.clone()), bytes }
        });
        let found =
            Self { files: RefCell::new(files.collect()), left: Cell::new(1000), ..Self::default() };
        *found.history.borrow_mut() = vec![names.clone()];
        *found.names.borrow_mut() = names;
        found
    }
}

impl Disk for &Model {
    fn read(&self, name: &str, _: u64) -> io::Result<FoundFile> {
        if self.unread.get().is_some_and(|unread| name.starts_with(unread)) {
            return Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()));
        }
        let number = self.names.borrow().get(name).copied();
        let content = number.map(|number| self.files.borrow()[number].bytes.clone());
        Ok(content.map_or(FoundFile::Missing, FoundFile::Content))
    }

    fn write_synced(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        assert!(!self.names.borrow().contains_key(name), "{name} exists");
        let number = self.files.borrow().len();
        self.files.borrow_mut().push(Inode::default());
        self.change(|names| {
            names.insert(name.to_owned(), number);
        });
        // Half of the bytes, then the rest.
        for bytes in [&bytes[..bytes.len() / 2], bytes] {
            self.step()?;
            self.files.borrow_mut()[number].bytes = bytes.to_vec();
        }
        self.step()?;
        let file = &mut self.files.borrow_mut()[number];
        file.synced = Some(file.bytes.clone());
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.step()?;
        let number = self.names.borrow().get(from).copied().ok_or(io::ErrorKind::NotFound)?;
        self.change(|names| {
            names.remove(from);
            names.insert(to.to_owned(), number);
        });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.step()?;
        let last = self.names.borrow().clone();
        *self.history.borrow_mut() = vec![last];
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.step()?;
        self.change(|names| {
            names.remove(name);
        });
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.names.borrow().keys().cloned().collect())
    }
}

fn kept(number: u64) -> KeepState {
    let text = format!("text {}", number / 2);
    let good = PublishedText { hash: TextHash::of(&text), revision: number, text: text.into() };
    KeepState { cluster: 7, revision: number, good: Some(good), ..KeepState::default() }
}

fn place(disk: &Model) -> Place<&Model> {
    Place::new(PathBuf::from("keep"), disk)
}

fn random(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    }
}

/// Saves `first` and `second`, with a failure after `steps` steps of the second save. Returns whether it failed.
fn save_twice<'a>(
    disk: &'a Model,
    first: &KeepState,
    second: &KeepState,
    steps: usize,
) -> (Place<&'a Model>, bool) {
    disk.left.set(1000);
    let mut keep = place(disk);
    assert_eq!(keep.load().unwrap(), None);
    keep.save(first).unwrap();
    disk.left.set(steps);
    let has_failed = keep.save(second).is_err();
    disk.left.set(1000);
    (keep, has_failed)
}

#[test]
fn a_crash_at_any_step_leaves_the_old_state_or_the_new_one() {
    let mut seen = [0, 0];
    for seed in 0..200 {
        let mut random = random(seed);
        for steps in 0.. {
            let (first, second) = (kept(seed), kept(seed + 1));
            let disk = Model::default();
            let (_, has_failed) = save_twice(&disk, &first, &second, steps);
            let disk = disk.after_crash(&mut random);
            let mut keep = place(&disk);
            let found = keep.load().unwrap().unwrap();
            assert!(found == first || found == second, "after {steps} steps: {found:?}");
            assert!(has_failed || found == second, "a finished save is durable");
            seen[usize::from(found == second)] += 1;
            // What is left behind disturbs no later save, and is gone after it.
            let third = kept(seed + 2);
            keep.save(&third).unwrap();
            assert_eq!(place(&disk).load().unwrap(), Some(third));
            assert_eq!(disk.names.borrow().len(), 2);
            if !has_failed {
                break;
            }
        }
    }
    assert!(seen[0] > 500 && seen[1] > 200, "{seen:?}");
}

#[test]
fn a_failure_at_any_step_leaves_a_state_and_the_next_save_succeeds() {
    for (first, second) in [(kept(2), kept(3)), (kept(3), kept(4))] {
        for steps in 0.. {
            let disk = Model::default();
            let (mut keep, has_failed) = save_twice(&disk, &first, &second, steps);
            let found = place(&disk).load().unwrap().unwrap();
            assert!(found == first || found == second, "after {steps} steps: {found:?}");
            keep.save(&second).unwrap();
            assert_eq!(place(&disk).load().unwrap(), Some(second.clone()));
            if !has_failed {
                assert!(steps >= 5);
                break;
            }
        }
    }
}

#[test]
fn a_failed_read_is_no_damage() {
    for unread in [STATE, TEXT] {
        let disk = Model { left: Cell::new(1000), ..Model::default() };
        place(&disk).save(&kept(3)).unwrap();
        disk.unread.set(Some(unread));
        let mut keep = place(&disk);
        let error = keep.load().unwrap_err();
        assert!(matches!(error, KeepError::Io { act: "read", .. }), "{error}");
        disk.unread.set(None);
        assert_eq!(keep.load().unwrap(), Some(kept(3)));
    }
}
