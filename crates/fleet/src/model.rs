//! The documents in the store, as JSON that `etcdctl get` shows.

mod current;
mod hash;
mod instance;
mod json;
mod keys;

pub use current::{
    Current, CurrentError, Earlier, FORMAT, HISTORY, HOLD_MAX, On, REVISION_MAX, Trial,
};
pub use hash::TextHash;
pub use instance::{Connects, Instance, InstanceState};
pub(crate) use json::{parse_versioned, to_json};
pub use keys::Keys;
