//! The inputs and outputs of the machine.

use super::canary::Canary;
use super::line::Line;
use super::reading::FleetReading;
use crate::model::{Current, Keys, TextHash};
use crate::store::{Compare, Op, Txn};
use plan::PublishedNeed;
use std::time::Duration;

/// The request of a command.
#[derive(Clone, Debug)]
pub enum Request {
    /// Bring a text to all instances.
    Publish(Publication),
    /// Take over the trial that is there.
    Continue,
    /// End the trial, or return to the stable text before the present one.
    Back,
}

/// A text, and how it is brought to the instances.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The hash of the text.
    pub text: TextHash,
    /// The instances that try it first; `None`: all at once.
    pub canary: Option<Canary>,
    /// Decides which instances are chosen.
    pub random: u64,
    /// Time for which each step's instances run the text before the next step.
    pub hold: Duration,
    /// The publisher's note; may be empty.
    pub note: String,
    /// Keys of the text that older versions of the program do not know.
    pub needs: Vec<PublishedNeed>,
}

/// A result of [`Work`], or Ctrl-C.
#[derive(Debug)]
pub enum Input {
    /// Result of [`Work::Read`].
    Read(FleetReading),
    /// [`Work::Read`] failed.
    ReadFailed(String),
    /// Result of [`Work::PutText`]: the parts, with their present revisions.
    TextReady(Vec<Compare>),
    /// [`Work::PutText`] failed.
    TextFailed(String),
    /// [`Work::Decide`] was carried out, by this revision of the store.
    Written(i64),
    /// A comparison of [`Work::Decide`] did not hold.
    NotWritten,
    /// No answer came for [`Work::Decide`].
    WriteUnknown(String),
    /// [`Work::Decide`] failed, and was not carried out.
    WriteFailed(String),
    /// Result of [`Work::ListTexts`]: the texts of which the store has a part.
    Texts(Vec<TextHash>),
    /// The clean-up failed or has ended; without effect if `current` had changed.
    CleanedUp(Result<(), String>),
    /// Ctrl-C. May come while work is under way.
    Interrupt,
}

/// Lines for the user, and the next work.
#[derive(Debug, Default)]
pub struct Turn {
    /// To be printed in order.
    pub lines: Vec<Line>,
    /// Replaces a [`Work::Read`] under way. `None` after an [`Input::Interrupt`]: the work under way goes on.
    pub work: Option<Work>,
}

/// Work whose result is the next input.
#[derive(Debug)]
pub enum Work {
    /// Read `current` and the instances when they have changed, and at this time at the latest.
    Read {
        /// As [`Moment::time`](crate::Moment::time) of the inputs.
        until: Duration,
    },
    /// Write the parts of this text that the store does not have.
    PutText(TextHash),
    /// Send a change of `current`.
    Decide(Box<Decision>),
    /// List the texts in the store.
    ListTexts,
    /// Remove texts.
    Remove(Removal),
    /// The command ends. Aborts any work under way.
    Finish(Outcome),
}

/// The end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has finished the request.
    Done,
    /// It did not: the trial fell back, or the command could not begin or end.
    Failed,
}

/// A change of `current`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The new value.
    pub current: Current,
    /// etcd's `mod_revision` of the `current` that this replaces; 0 if the key must not exist.
    pub mod_revision: i64,
    /// The parts of a new text, which another publisher's clean-up may have removed.
    pub parts: Vec<Compare>,
}

impl Decision {
    /// The transaction.
    pub fn txn(&self, keys: &Keys) -> Txn {
        let current = Compare { key: keys.current(), mod_revision: self.mod_revision };
        let value = self.current.to_json();
        Txn {
            compare: std::iter::once(current).chain(self.parts.iter().cloned()).collect(),
            ops: vec![Op::Put { key: keys.current(), value, lease: None }],
        }
    }
}

/// The removal of texts that nothing names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The texts.
    pub texts: Vec<TextHash>,
    /// etcd's `mod_revision` of the `current` that does not name them.
    pub mod_revision: i64,
}

impl Removal {
    /// The transaction.
    pub fn txn(&self, keys: &Keys) -> Txn {
        Txn {
            compare: vec![Compare { key: keys.current(), mod_revision: self.mod_revision }],
            ops: self.texts.iter().map(|text| Op::DeleteAll { prefix: keys.text(text) }).collect(),
        }
    }
}
