//! Going on in another image of the process: workers stop, what they have is written down, and the
//! image that follows takes it over.
//!
//! ```text
//!   park -> save (sessions, forwards, what was counted) -> execve(2)
//!                                                            |
//!        serve <- take over (claim descriptors, register) <--+
//! ```

mod park;
pub(crate) use park::Parking;
pub use park::{NotParked, Parked, Saved};

mod save;
pub(crate) use save::number;

mod address;

mod forwards;
pub(crate) use forwards::Legacy;

mod tally;

mod take_over;
pub(crate) use take_over::TakeOver;
pub use take_over::{Inheritance, TakenOver};
