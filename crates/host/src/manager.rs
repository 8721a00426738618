//! The service manager, such as systemd: notifications (sd_notify(3)), socket activation and the
//! file descriptor store. All of it is inactive without `NOTIFY_SOCKET` and `LISTEN_FDS`.

mod notifier;
pub use notifier::{Notifier, RENEW_EVERY, ServiceState};

mod store;
pub use store::Store;

mod activation;
pub use activation::{ActivatedSockets, take_activated_sockets};

mod fd_name;
