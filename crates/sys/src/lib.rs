//! The few system calls that a forwarder makes, as safe functions on owned and borrowed file
//! descriptors. No policy: what to do about a result is decided elsewhere.
//!
//! Every descriptor made here is non-blocking and close-on-exec. `unsafe` may appear here, and in the
//! samplers of `profile`, which only a profiling build contains, and only where `rustix` has no safe
//! form of a call: [`tcp_info`], [`sequence_received`], [`socket::unacked`], [`ignore_new_handshakes`],
//! [`release_free_memory`], options of sockets that it does not have,
//! [`writes_beyond_the_size_limit_fail`], [`is_ignored`], what [`exec`] and [`handoff`] need, and
//! [`only_files_and_dns`].

pub mod kernel;

mod address;
pub use address::Address;

mod buffers;
mod sockopt;
pub use sockopt::{peer_groups, speaks_mptcp};

mod accepting_user;
pub use accepting_user::accepting_user;

mod mptcp;
pub use mptcp::is_mptcp;

pub mod listen;
pub mod socket;
mod unix_bind;

mod listen_change;
pub use listen_change::can_have;

mod outbound;
pub use outbound::{NotGranted, connect_with, connect_within, prepare, sources_of, try_outbound};

mod syn_filter;
pub use syn_filter::ignore_new_handshakes;

mod activated;
pub use activated::{ListensAt, listens_at, prepare_activated};

mod activation;
pub use activation::{ActivatedDescriptor, ActivationError, take_activated};

mod path_walk;

mod entry;
pub use entry::Entry;

mod exposure;
pub use exposure::{ExposedPart, Exposure, exposure};

mod open;
pub use open::open_to_read;

mod open_directory;
pub use open_directory::open_directory;

mod file_access;
pub use file_access::{Grant, Grantee, grants};

mod file_id;
pub use file_id::{FileId, is_socket_file};

mod socket_file;
pub use socket_file::{FileState, SocketFile};

mod socket_rights;
pub use socket_rights::{change_socket_rights, try_socket_rights};

pub mod stream;

mod tcp_info;
pub use tcp_info::{TcpInfo, sequence_received, tcp_info};

mod pipe;
pub use pipe::{Pipe, PipeError};

mod epoll;
pub use epoll::{Epoll, Event, Events};

mod waker;
pub use waker::Waker;

pub mod exec;
pub mod handoff;

mod errno;
pub use errno::{errno_name, errno_text};

mod file_size;
pub use file_size::writes_beyond_the_size_limit_fail;

mod host;
pub use host::{
    first_ephemeral_port, hard_open_files_limit, host_name, is_in_group, may_write_in,
    monotonic_micros, open_files, open_files_limit, page_size, raise_open_files_limit,
    release_free_memory, spare_descriptors, user_id,
};

mod name_service;
pub use name_service::only_files_and_dns;

mod notify_socket;
pub use notify_socket::NotifySocket;

pub mod output;

mod orphans;
pub use orphans::{ChildGuard, reap_orphans};

mod privileges;
pub use privileges::{
    Identity, IdentityError, hide_memory, keep_capability, never_writable_by_others, threads,
};

mod random;
pub use random::random_u64;

mod signal;
pub use signal::is_ignored;

mod usage;
pub use usage::{Usage, usage};

mod writers;
pub use writers::{TrustedAccount, Writers};

pub use rustix::fd::BorrowedFd;
pub use rustix::io::Errno;

/// Result of a system call, with the error number of a failure (errno(3)).
pub type Result<T> = std::result::Result<T, Errno>;
