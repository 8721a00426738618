//! A history as plain data: the seed, the first configuration, and the events in their order.

mod addresses;
mod admission;
mod admit;
mod choose;
mod clients;
mod configuration;
mod event;
mod family;
mod header_word;
mod net;
mod opening;
mod parse;
mod targets;
mod text;
mod words;

pub(crate) use addresses::{
    EPHEMERAL_PORTS, HOSTS, client_address, host_address, host_path, resolve, stated_addresses,
};
pub use admission::{AcceptProxy, Admission, HelloRoute};
pub(crate) use admission::{NAMES_ASKED, PROTOCOLS};
pub use clients::Clients;
pub(crate) use configuration::name_of;
pub use configuration::{AddressKind, Configuration, Endpoint, Forward, Limits};
pub use event::{Act, Command, Event, Host, Resolver, Severity};
pub use net::Net;
pub use opening::{Flaw, Form, Header, Hello, Opening};
pub use parse::ParseError;
pub use targets::{Selection, Target, To};

/// A history. Two runs of it are equal, step for step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Decides the order of steps and all choices of the kernel.
    pub seed: u64,
    /// Number of workers; at least one.
    pub workers: u8,
    /// The first configuration.
    pub start: Configuration,
    /// The events, in their order.
    pub events: Vec<Event>,
}
