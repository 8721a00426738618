//! Names of targets: answers that serve for their TTL, and on through an outage of the name servers.
//!
//! Pure parts: `cache` decides when a name is looked up and which addresses serve; `message`, `order` and
//! the readers of files (`resolv_conf`, `hosts`, `sources`). Parts with I/O: `files`, `exchange` with one
//! server, `servers` in turn, `look_up` of one name, and the `resolver`, which has the thread.

mod cache;
mod entry;
mod exchange;
mod failure;
mod files;
mod hosts;
mod look_up;
mod message;
mod notice_limit;
mod numeric;
mod order;
mod resolv_conf;
mod resolver;
mod servers;
mod sources;

pub use cache::{FailingName, SavedName};
pub use failure::LookUpError;
pub use resolver::{NamesStatus, Resolver};
