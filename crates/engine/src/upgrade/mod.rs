//! Going on in another image of the process: workers stop, what they have is written down, and the
//! image that follows takes it over.
//!
//! ```text
//!   park -> save (sessions, forwards, what was counted) -> execve(2)
//!                                                            |
//!        serve <- take over (claim descriptors, register) <--+
//! ```

mod orders;
pub(crate) use orders::{Answer, Order, Parking, TakeOver};

mod park;
pub use park::{NotParked, Parked, Saved};

mod address;
pub(crate) use address::{address, saved_address, saved_socket_address, socket_address};

mod legacy;
pub(crate) use legacy::Legacy;

mod forwards;

mod tally;

mod take_over;
pub use take_over::{Inheritance, TakenOver};
