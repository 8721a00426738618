//! Upgrade in place: the workers park, their state is saved, and the next process image restores it.
//!
//! ```text
//!   park -> save (sessions, forwards, counters) -> execve(2)
//!                                                            |
//!        serve <- take over (claim descriptors, register) <--+
//! ```

mod handoff;
pub use handoff::Handoff;

mod orders;
pub(crate) use orders::{Answer, Destination, Order, Parking, TakeOver};

mod park;
pub use park::{NotParked, Parked};

mod address;
pub(crate) use address::{address, saved_address};

mod unattached;
pub(crate) use unattached::Unattached;

mod forwards;

mod tally;

mod take_over;
pub use take_over::TakenOver;
