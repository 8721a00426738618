//! Statements that forwards repeat, such as rules for all servers, or the servers of a group that several of them
//! use. The repetitions may be as many as the square of the lines, so they have a bound.

use std::cell::Cell;

use crate::note::SourcePlace;
use crate::section::Section;

/// Statements that all forwards together repeat at most.
const COPIES_MAX: usize = 250_000;

/// Statements that one forward repeats in any case: their time is linear in the number of forwards.
const FEW: usize = 16;

/// Room for further repetitions.
pub(crate) struct Copies {
    room: Cell<usize>,
}

impl Default for Copies {
    fn default() -> Self {
        Self { room: Cell::new(COPIES_MAX) }
    }
}

impl Copies {
    /// Takes room for so many statements. Without it, comments the forward out: it lacks them.
    pub(crate) fn admit(
        &self,
        statements: usize,
        place: &SourcePlace,
        section: &mut Section,
    ) -> bool {
        if let Some(room) = self.room.get().checked_sub(statements.saturating_sub(FEW)) {
            self.room.set(room);
            return true;
        }
        let message =
            format!("the forwards would repeat more than {COPIES_MAX} statements of this file");
        section.comment_out(place, message, "write this forward by hand");
        false
    }
}
