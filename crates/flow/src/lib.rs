//! The decisions of one forwarded connection, and nothing else: time and events come in, actions
//! go out. No sockets, no clock, no randomness, so that thousands of seeded histories can be run
//! through it in an ordinary test.
//!
//! A session meets the modules in this order:
//!
//! ```text
//!  admission   may it start? (limits)
//!  select      which target of a set takes it
//!  attempts    which address of the target is tried, and for how long
//!  session     two lanes and two sides: what to do next, and when it is over
//!    lane      one direction: receive, hold, send, pass the FIN on
//!    path      copy or splice, and why
//!    side      one socket: readable, writable, broken
//!    silence   when it last showed a sign of life
//!    deadlines when silence or age ends it
//!  close       why it ended: by whom, in which phase, from what cause
//!  saved       the session as numbers, for another process to go on with
//!  verdict     how it is doing, for whoever looks at it meanwhile
//! ```
//!
//! An engine carries the actions out and reports each result back; it decides nothing. The rules
//! that the two lanes keep are those of RFC 9293 as an application sees them: no byte lost, none
//! invented, a FIN after the last byte before it, and a reset where bytes had to be dropped.

mod words;
pub use words::Words;

mod time;
pub use time::Time;

mod admission;
pub use admission::{Admission, AtLimit, Occupancy, admit};

mod select;
pub use select::{Candidate, NoTarget, select};

mod attempts;
pub use attempts::Attempts;

mod session;
pub use session::{Action, Ending, Session, Stage};

mod lane;
pub use lane::{Lane, LaneState, Step};

mod direction;
pub use direction::Direction;

mod path;
pub use path::{Fallback, Path, PathChoice, PathsUsed};

mod side;
pub use side::{End, Readiness, Side};

mod silence;
pub use silence::Unacked;

mod deadlines;
pub use deadlines::{FLUSH_LIMIT, Timeouts};

mod keepalive;
pub use keepalive::Keepalive;

mod close;
pub use close::{By, Cause, CloseReason, Failure, Phase};

mod saved;

mod verdict;
pub use verdict::{IDLE_AFTER, STUCK_AFTER, Verdict, Way, verdict};
