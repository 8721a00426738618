//! Finds the targets behind names, and checks whether targets are well.

mod names;
pub use names::{
    FailingName, HostAnswer, LookUpError, Members, NamesStatus, Resolver, SavedFailure, SavedName,
    look_up_hosts, look_up_hosts_now, look_up_set,
};

mod checks;
pub use checks::{
    Addresses, CheckFailure, CheckResult, Checks, Excerpt, MOST_BYTES, Probe, ProbeAddress,
    ProbeKind, at_port, check, check_once, connect_once,
};

mod sets;
pub use sets::{MOST_MEMBERS, Membership, Record, Share};
