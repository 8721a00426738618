//! Names of targets: answers that serve for their TTL, and on through an outage of the name servers.
//!
//! Pure parts: `cache` decides when a name is looked up and which addresses serve; `message`, `order` and
//! the readers of files (`resolv_conf`, `hosts`, `sources`). Parts with I/O: `files`, `exchange` with one
//! server, `servers` in turn, `look_up` of one name, and the `resolver`, which has the thread.

mod alias;
mod cache;
mod entry;
mod exchange;
mod failure;
mod files;
mod hosts;
mod hosts_now;
mod look_up;
mod message;
mod notice_limit;
mod numeric;
mod once;
mod order;
mod resolv_conf;
mod resolver;
mod saved;
mod servers;
mod service;
mod service_hosts;
mod sources;

pub use cache::{FailingName, Members};
pub use failure::LookUpError;
pub use hosts_now::{HostAnswer, look_up_hosts, look_up_hosts_now};
pub use once::look_up_set;
pub use resolver::{NamesStatus, Resolver};
pub use saved::{SavedFailure, SavedName};
