//! What the end-to-end tests are written with: the real binary as a child process, ports from the
//! kernel, scripted peers, ready-made targets, and real servers from Debian packages.
//!
//! ```text
//!   Peer / exchange          Forwarder               Peer / Target / BlackHole / Server
//!   (a client)  ---- Port ---> (the binary) ---- Addr ---> (a target)
//! ```
//!
//! Everything blocking has a bound, everything started ends on `Drop`, and nothing sleeps but
//! [`wait_until`]. A helper that cannot do its part panics and says which part that was: this is how
//! it fails its test.

#![expect(clippy::missing_panics_doc, reason = "a helper of tests panics to fail its test")]

mod wait;

mod acl;
mod addr;
mod mptcp;
mod port;

mod stream;
mod wire;

mod gate;
mod peer;
mod player;
mod script;
mod transcript;
mod vanish;

mod black_hole;
mod exchange;
mod target;

pub mod cases;
pub mod crossings;
pub mod sim;

mod lines;
mod process;
mod usage;

mod forwarder;
mod http;
mod manager;
mod record;

mod name_server;
mod neighbour;
mod server;
mod sockets;
mod terminal;
mod tool;

pub use acl::{permit_by_acl, remove_acl};
pub use addr::{Addr, Listener, Place, connect, connect_and_close, connect_from};
pub use black_hole::BlackHole;
pub use exchange::exchange;
pub use forwarder::{Forwarder, ForwarderBuilder};
pub use gate::Gate;
pub use http::{Answer, Http, ServerEvents};
pub use manager::Manager;
pub use mptcp::{connect_mptcp, listen_mptcp, mptcp_is_missing, speaks_mptcp};
pub use name_server::{NameReply, NameServer};
pub use neighbour::Neighbour;
pub use peer::Peer;
pub use port::{Port, Ports};
pub use process::Process;
pub use record::{CloseReason, SessionRecord, TcpInfo};
pub use rustix::process::Signal;
pub use script::Script;
pub use server::{
    Authority, Certificate, Etcd, EtcdTls, HeldStore, Hold, Nginx, Postgres, PublisherRequest,
    Server, Sshd, is_listening,
};
pub use socket2::Socket;
pub use sockets::{may_mark, socket_connected_to};
pub use stream::{Checker, Difference, Source, Stream};
pub use target::{Behaviour, Target};
pub use terminal::Terminal;
pub use tool::{Finished, Tool, copy_program, run};
pub use transcript::{Failure, Transcript};
pub use usage::raise_open_files;
pub use vanish::vanish;
pub use wait::{LIMIT, uninterrupted, wait_for, wait_until};
pub use wire::End;
