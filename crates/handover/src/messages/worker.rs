//! State of a worker and its sessions.

/// State of one worker.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Worker {
    /// Distinct routes of its sessions.
    #[prost(message, repeated, tag = "1")]
    pub routes: Vec<Route>,
    /// The sessions open on this worker.
    #[prost(message, repeated, tag = "2")]
    pub sessions: Vec<Session>,
    /// Generation number for the key of the next session.
    #[prost(uint32, tag = "3")]
    pub next_generation: u32,
}

/// Forward, listen address and target shared by sessions.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Route {
    /// Name of the forward.
    #[prost(string, tag = "1")]
    pub forward: String,
    /// Listen address, as displayed.
    #[prost(string, tag = "2")]
    pub listen: String,
    /// Target, in the syntax of the configuration.
    #[prost(string, tag = "3")]
    pub target: String,
    /// The TLS ClientHellos that led to it; empty for the route of the listener itself.
    #[prost(string, tag = "4")]
    pub rule: String,
}

/// State of one session.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Session {
    /// Session id, as in the log.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Index into [`Worker::routes`].
    #[prost(uint32, tag = "2")]
    pub route: u32,
    /// State of the session's decisions, packed by `flow::saved`.
    #[prost(bytes = "vec", tag = "3")]
    pub flow: Vec<u8>,
    /// Descriptor of the client's socket.
    #[prost(uint32, tag = "4")]
    pub client: u32,
    /// Descriptor of the target's socket; absent before the first connection attempt.
    #[prost(uint32, optional, tag = "5")]
    pub target: Option<u32>,
    /// Address of the client.
    #[prost(message, optional, tag = "6")]
    pub client_address: Option<Address>,
    /// Address of the connected target, or of the attempt in progress.
    #[prost(message, optional, tag = "7")]
    pub target_address: Option<Address>,
    /// Bytes buffered in lane up.
    #[prost(message, optional, tag = "8")]
    pub up: Option<Held>,
    /// Bytes buffered in lane down.
    #[prost(message, optional, tag = "9")]
    pub down: Option<Held>,
    /// Connection attempts; present only while connecting.
    #[prost(message, optional, tag = "10")]
    pub connecting: Option<Connecting>,
    /// Whether socket options deferred to an older session are not yet set on the target's socket.
    #[prost(bool, tag = "11")]
    pub options_due: bool,
    /// Key in the worker's table and epoll registrations.
    #[prost(uint64, tag = "12")]
    pub key: u64,
    /// Number of attempts to connect to targets.
    #[prost(uint32, tag = "13")]
    pub attempts: u32,
    /// Address of the connection of a client whose PROXY header is required.
    #[prost(message, optional, tag = "14")]
    pub proxy_address: Option<Address>,
    /// Addresses of its header, as a v2 header.
    #[prost(bytes = "vec", tag = "15")]
    pub proxy_header: Vec<u8>,
    /// Length of its header as received.
    #[prost(uint32, tag = "16")]
    pub proxy_header_length: u32,
    /// Server name in the TLS ClientHello of its client; empty if there was none, or it was not read.
    #[prost(string, tag = "17")]
    pub server_name: String,
}

/// Address of a client or target.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Address {
    /// 4 bytes for IPv4, 16 for IPv6, none for a Unix socket.
    #[prost(bytes = "vec", tag = "1")]
    pub ip: Vec<u8>,
    /// TCP port; 0 for a Unix socket.
    #[prost(uint32, tag = "2")]
    pub port: u32,
    /// Interface index of a link-local IPv6 address.
    #[prost(uint32, tag = "3")]
    pub scope: u32,
}

/// Bytes received and not yet sent, in user memory or in a pipe.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Held {
    /// Bytes in user memory; empty if they are in a pipe.
    #[prost(bytes = "vec", tag = "1")]
    pub bytes: Vec<u8>,
    /// Read end of the pipe.
    #[prost(uint32, optional, tag = "2")]
    pub pipe_read: Option<u32>,
    /// Write end of the pipe.
    #[prost(uint32, optional, tag = "3")]
    pub pipe_write: Option<u32>,
}

/// Progress of connecting to a target.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Connecting {
    /// State of the attempts, packed by `flow`.
    #[prost(uint64, repeated, tag = "1")]
    pub attempts: Vec<u64>,
    /// Whether the target's name has been resolved.
    #[prost(bool, tag = "2")]
    pub is_resolved: bool,
    /// Addresses that the name resolved to.
    #[prost(message, repeated, tag = "3")]
    pub resolved: Vec<Address>,
    /// Failure of the last attempt, packed by `flow`; empty if no attempt has failed.
    #[prost(uint64, repeated, tag = "4")]
    pub failure: Vec<u64>,
    /// Attempts that found the target's accept queue full (`EAGAIN` of a Unix socket).
    #[prost(uint32, tag = "5")]
    pub busy: u32,
    /// Descriptors of the sockets that are being connected.
    #[prost(uint32, repeated, tag = "6")]
    pub sockets: Vec<u32>,
}
