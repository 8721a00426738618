//! A worker and its sessions.

/// The sessions of one worker.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Worker {
    /// Where its sessions go.
    #[prost(message, repeated, tag = "1")]
    pub routes: Vec<Route>,
    /// Its sessions.
    #[prost(message, repeated, tag = "2")]
    pub sessions: Vec<Session>,
    /// What distinguishes the key of the next session.
    #[prost(uint32, tag = "3")]
    pub next_generation: u32,
}

/// Where the sessions of one listener go.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Route {
    /// The forward's name.
    #[prost(string, tag = "1")]
    pub forward: String,
    /// The listen address, as shown.
    #[prost(string, tag = "2")]
    pub listen: String,
    /// The target, as shown; it is written as the configuration writes it.
    #[prost(string, tag = "3")]
    pub target: String,
}

/// One session.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Session {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// The position of its route.
    #[prost(uint32, tag = "2")]
    pub route: u32,
    /// What decides: packed numbers, and `flow` knows what they mean.
    #[prost(bytes = "vec", tag = "3")]
    pub flow: Vec<u8>,
    /// The client's socket.
    #[prost(uint32, tag = "4")]
    pub client: u32,
    /// The target's socket, if there is one.
    #[prost(uint32, optional, tag = "5")]
    pub target: Option<u32>,
    /// Who connected.
    #[prost(message, optional, tag = "6")]
    pub client_address: Option<Address>,
    /// The target's address that was connected to, or is being tried.
    #[prost(message, optional, tag = "7")]
    pub target_address: Option<Address>,
    /// What the lane up holds.
    #[prost(message, optional, tag = "8")]
    pub up: Option<Held>,
    /// What the lane down holds.
    #[prost(message, optional, tag = "9")]
    pub down: Option<Held>,
    /// Only while connecting.
    #[prost(message, optional, tag = "10")]
    pub connecting: Option<Connecting>,
    /// The target's socket still lacks options that only a session of some age needs.
    #[prost(bool, tag = "11")]
    pub options_due: bool,
    /// What its worker's epoll instance knows it by.
    #[prost(uint64, tag = "12")]
    pub key: u64,
}

/// The address of a peer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Address {
    /// 4 bytes of IPv4, or 16 of IPv6; none for a Unix socket.
    #[prost(bytes = "vec", tag = "1")]
    pub ip: Vec<u8>,
    /// The TCP port.
    #[prost(uint32, tag = "2")]
    pub port: u32,
    /// The interface of a link-local IPv6 address.
    #[prost(uint32, tag = "3")]
    pub scope: u32,
}

/// Bytes that were received and not yet sent: in a pipe, or here.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Held {
    /// The bytes, if they are not in a pipe.
    #[prost(bytes = "vec", tag = "1")]
    pub bytes: Vec<u8>,
    /// The pipe's end to read from.
    #[prost(uint32, optional, tag = "2")]
    pub pipe_read: Option<u32>,
    /// The pipe's end to write to.
    #[prost(uint32, optional, tag = "3")]
    pub pipe_write: Option<u32>,
}

/// The attempts to connect to a target.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Connecting {
    /// How far they have come: `flow` knows what these numbers mean.
    #[prost(uint64, repeated, tag = "1")]
    pub attempts: Vec<u64>,
    /// Whether the target's name was resolved.
    #[prost(bool, tag = "2")]
    pub is_resolved: bool,
    /// The addresses of its name.
    #[prost(message, repeated, tag = "3")]
    pub resolved: Vec<Address>,
    /// Why the last attempt failed: `flow` knows what these numbers mean. Empty if none has.
    #[prost(uint64, repeated, tag = "4")]
    pub failure: Vec<u64>,
    /// How often the target's queue was full.
    #[prost(uint32, tag = "5")]
    pub busy: u32,
}
