//! The values of `current`, each made from the one before it.

use crate::model::{Current, Earlier, FORMAT, HISTORY, On, TextHash, Trial};

/// Characters of a note that names a fault.
const NOTE_MAX: usize = 200;

/// The number, author and time of a revision.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) revision: u64,
    pub(super) by: String,
    pub(super) at: String,
}

/// A trial on top of the stable text.
pub(super) fn trial(base: Option<&Current>, trial: Trial, note: &str, sign: Signature) -> Current {
    let Signature { revision, by, at } = sign;
    let stable = base.and_then(|base| base.stable);
    let earlier = base.map(|base| base.earlier.clone()).unwrap_or_default();
    Current {
        format: FORMAT,
        revision,
        stable,
        trial: Some(trial),
        by,
        note: note.into(),
        at,
        earlier,
    }
}

/// The same trial on these instances.
pub(super) fn trial_on(base: &Current, on: On, sign: Signature) -> Current {
    let next = base.trial.clone().map(|trial| Trial { on, ..trial });
    Current { trial: next, ..signed(base, sign) }
}

/// `text` becomes stable.
pub(super) fn stable(
    base: Option<&Current>,
    text: TextHash,
    note: &str,
    sign: Signature,
) -> Current {
    let Signature { revision, by, at } = sign;
    let entry = Earlier { revision, text, by: by.clone(), note: note.to_owned(), at: at.clone() };
    let before = base.map(|base| base.earlier.clone()).unwrap_or_default();
    let earlier = std::iter::once(entry).chain(before).take(HISTORY).collect();
    let stable = Some(text);
    Current { format: FORMAT, revision, stable, trial: None, by, note: note.into(), at, earlier }
}

/// The trial ends, and the stable text stays.
pub(super) fn back(base: &Current, why: &str, sign: Signature) -> Current {
    let note = why.chars().take(NOTE_MAX).collect();
    Current { trial: None, note, ..signed(base, sign) }
}

/// The text that was stable before the present one.
pub(super) fn previous(current: &Current) -> Option<&Earlier> {
    current.earlier.iter().find(|earlier| Some(earlier.text) != current.stable)
}

/// The texts that a revision names.
pub(super) fn named(current: &Current) -> Vec<TextHash> {
    let trial = current.trial.as_ref().map(|trial| trial.text);
    let earlier = current.earlier.iter().map(|earlier| earlier.text);
    current.stable.into_iter().chain(trial).chain(earlier).collect()
}

fn signed(base: &Current, sign: Signature) -> Current {
    let Signature { revision, by, at } = sign;
    Current { revision, by, at, ..base.clone() }
}
