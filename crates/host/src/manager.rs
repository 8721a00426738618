//! The service manager that started this process, as systemd does: what it is told (sd_notify(3)),
//! and which sockets it gave us or keeps for us. Without `NOTIFY_SOCKET` and `LISTEN_FDS` nothing
//! happens.

mod notifier;
pub use notifier::{Notifier, RENEW_EVERY, Stage};

mod store;
pub use store::Store;

mod handed;
pub use handed::{Handed, take_handed};

mod fd_name;
