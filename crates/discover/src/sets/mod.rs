//! Sets of targets behind a name: `dns:HOST:PORT` and `srv:NAME`.

mod membership;

pub use membership::{MOST_MEMBERS, Membership, Record, Share};
