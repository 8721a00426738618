//! The host as the process sees it: resource limits and the sessions they allow, the user, the
//! sandbox, default paths, the service manager.
//!
//! Every function here is synchronous, so `doctor` and `check` can call it without a runtime. The
//! crate depends on plans and the engine's views, and not on the admin interface, reloads or
//! `doctor`.

mod readings;
pub use readings::{Host, nth};

mod capacity;
pub use capacity::{
    ADMIN_CONNECTIONS, Capacity, METRICS_CONNECTIONS, NoRoom, UNKNOWN_CONNECTIONS, capacity,
    limit_for, workers,
};

mod headroom;
pub use headroom::{
    ENTRIES_PER_SESSION, Headroom, IDLE_SESSION, LIMITS, Rooms, busy_session, conntrack_room,
    memory_left, tcp_room,
};

mod names;
pub use names::addresses_of;

mod socket_options;
pub use socket_options::{
    RefusedOption, newly_refused_options, options_lost_with_user, refused_options,
};

mod exposed_files;
pub use exposed_files::{ExposedFile, FileRole, exposed_files, remedy};

mod program;
pub use program::{own_arguments, own_program};

mod admin_address;
pub use admin_address::{admin_sockets, forbidden_directory, usable_socket};

mod admin_rights;
pub use admin_rights::{admin_group_may_connect, admin_rights, missing_socket_group};

mod admin_token;
pub use admin_token::{
    AdminRole, AdminToken, AdminTokens, TOKEN_FILE_MAX, TokenError, token_fault, token_fault_of,
};

mod tcp_listener;
pub use tcp_listener::tcp_listener_users;

mod privileges;
pub use privileges::{
    AccountError, MissingGroup, UnknownOwner, UserError, UserFault, admin_directory_of_user,
    assume_user, become_user, find_socket_owners, find_user, own_user, user_in_words, user_name,
    user_of,
};

mod sandbox;
pub use sandbox::{Kernel, PathFault, Sandbox, SandboxError, SandboxRefusal};

mod manager;
pub use manager::{
    ActivatedSockets, Notifier, RENEW_EVERY, ServiceState, Store, take_activated_sockets,
};

pub use sys::{accepting_user, host_name, open_directory};
