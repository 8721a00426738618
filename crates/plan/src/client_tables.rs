//! The settings of `accept_proxy` and `per_client`.

use std::time::Duration;

use crate::accept_proxy::AcceptProxy;
use crate::per_client::{Networks, PerClient, PrefixLengths};
use crate::setting::Kind::{self, Count};
use crate::setting::{Section, TIMEOUT};
use crate::table::{Table, inline_table, rows};

rows! { Section::Inside("accept_proxy"), AcceptProxy {
    /// Prefixes of the peers that send the header, and `"unix"` for the clients of Unix listeners; required.
    from = None, Kind::List(&Kind::TrustedPeer) => NewSessions;

    /// How long the header may take to arrive.
    timeout = Duration::from_secs(3), TIMEOUT => NewSessions;
} }
inline_table! { AcceptProxy }

rows! { Section::Inside("per_client"), PerClient {
    /// Sessions of one client at the same time.
    sessions = None, Count { min: 1, max: u32::MAX } => LivingSessions;

    /// New sessions of one client per second, minute or hour.
    new = None, Kind::PerTime => LivingSessions;

    /// New sessions of one client at once; by default as many as `new` allows in its unit.
    burst = None, Count { min: 1, max: 1_000_000 } => LivingSessions;

    /// Clients with the same first bits are one client: of an IPv4 and of an IPv6 address. Also for `share`.
    prefix = PrefixLengths::DEFAULT, Kind::PrefixLengths => LivingSessions;

    /// Clients that are not counted, and have no `share` and no limit.
    exempt = Networks::default(), Kind::List(&Kind::Network) => LivingSessions;
} }
inline_table! { PerClient }
