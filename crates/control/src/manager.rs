//! The service manager that started this process, as systemd does: what it is told (sd_notify(3)),
//! and which sockets it gave us or keeps for us. Without `NOTIFY_SOCKET` and `LISTEN_FDS` nothing
//! happens.

mod notifier;
pub(crate) use notifier::{Notifier, Stage};

mod pulse;
pub(crate) use pulse::start_pulse;

mod store;
pub(crate) use store::Store;

mod handed;
pub(crate) use handed::{Handed, take_handed};

mod fd_name;
