//! Whether another process writes the status of this instance: two with one name in one fleet.

/// Checks without a foreign write after which the other process is gone.
const CALM: u32 = 3;
/// Foreign writes that show another process. One may be a write of this process whose answer was lost and that the
/// store carried out later.
const FOREIGN: u32 = 2;

/// The state of the key at the checks so far. Each foreign write is followed by one of this process.
#[derive(Debug, Default)]
pub(super) struct Namesake {
    foreign: u32,
    calm: u32,
}

/// The key of this instance, as a check finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FoundKey {
    /// As this process wrote it last.
    Own,
    /// Changed or created by another write.
    Foreign,
    /// Removed, or never written.
    Missing,
}

impl FoundKey {
    /// `found` and `written` are revisions of the store that changed the key last.
    pub(super) fn new(found: Option<i64>, written: i64) -> Self {
        match found {
            None => Self::Missing,
            Some(found) if found == written => Self::Own,
            Some(_) => Self::Foreign,
        }
    }
}

impl Namesake {
    pub(super) fn note(&mut self, found: FoundKey) {
        match found {
            FoundKey::Foreign => {
                self.foreign = self.foreign.saturating_add(1);
                self.calm = 0;
            }
            FoundKey::Own | FoundKey::Missing => self.calm = self.calm.saturating_add(1),
        }
        if self.calm >= CALM {
            self.foreign = 0;
        }
    }

    /// Whether another process writes the key.
    pub(super) fn exists(&self) -> bool {
        self.foreign >= FOREIGN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_foreign_writes_show_another_process_until_it_is_calm() {
        let mut namesake = Namesake::default();
        let mut note = |found| {
            namesake.note(found);
            namesake.exists()
        };
        assert!(!note(FoundKey::Missing) && !note(FoundKey::Foreign));
        assert!(!note(FoundKey::Own), "a write of this process that came late");
        assert!(note(FoundKey::Foreign));
        for _ in 1..CALM {
            assert!(note(FoundKey::Own));
        }
        assert!(!note(FoundKey::Own) && !note(FoundKey::Foreign));
    }

    #[test]
    fn the_revision_of_the_key_decides() {
        assert_eq!(FoundKey::new(Some(7), 7), FoundKey::Own);
        assert_eq!(FoundKey::new(Some(8), 7), FoundKey::Foreign);
        assert_eq!(FoundKey::new(None, 7), FoundKey::Missing);
    }
}
