//! The decisions of one forwarded connection: time and events come in, actions go out. No sockets, no
//! clock and no randomness, so that an ordinary test can run thousands of seeded histories.
//!
//! A session passes these stages in this order, one file each.
//!
//! ```text
//!  admit       may an accepted connection become a session? (limits)
//!    share         fair shares of the places of a forward or the process
//!    client_limits what one client may hold and open; `rate` limits events per time
//!  greet       bytes that a client must send before its target is selected
//!  select      which target of a set takes the session
//!  connect     which address of which target is tried, and for how long
//!    race      attempts beside each other: the first that connects wins
//!  preamble    bytes that a target must get before the client's
//!  relay       both sockets are connected: events, steps, and their results
//!    lane          one direction: receive, hold, send, pass the FIN on
//!    path          copy or splice, and why
//!    socket_state  one socket: readable, writable, broken
//!  flush       one socket broke: its last bytes reach the other peer before the reset
//!  close       the close reason and the final facts
//! ```
//!
//! `session` holds the state of all stages and hands each question to the current one. Beside the
//! stages stand the parts that several of them use: `deadlines` and `idle_clock` (when silence or age
//! ends a session), `saved` (the session as numbers, for an upgrade), `verdict` (its condition in one
//! word), `direction`, `prefix`, `client_filter`, `access_list` (the clients of a forward), `client_hello` and `proxy_header` (the
//! first bytes of clients), `random` and `time`.
//!
//! An engine carries the actions out and reports each result; it decides nothing. The rules of the
//! two lanes are those of RFC 9293 as an application sees them: no byte lost, none invented, a FIN
//! after the last byte before it, and a reset where bytes had to be dropped.

mod words;
pub use words::Words;

mod time;
pub use time::Time;

mod random;
pub use random::{Random, mix};

mod error_text;
pub use error_text::error_text;

mod direction;
pub use direction::{Direction, Peer};

mod session;
pub use session::{Action, Session, Stage};

mod prefix;
pub use prefix::{NotAPrefix, Prefix};

mod client_filter;
pub use client_filter::{ClientFilter, NotAClientFilter};

mod access_list;
pub use access_list::AccessList;

mod admit;
pub use admit::{Admission, AtLimit, Occupancy, admit};

mod share;
pub use share::{Pool, Share};

mod rate;
pub use rate::Rate;

mod client_limits;
pub use client_limits::{ClientLimit, ClientLimits, ClientState};

mod greet;

mod client_hello;
pub use client_hello::{
    ClientHello, HelloRead, HelloRule, MOST_CLIENT_HELLO, NamePattern, NotAPattern,
};

mod select;
pub use select::{
    Balance, Candidate, Candidates, Choice, Level, NoTarget, NoneUp, Turns, client_number,
    has_place, levels, select, target_number,
};

mod health;
pub use health::{
    Active, ActiveHealth, HealthChange, OnDown, Passive, PassiveHealth, WEIGHT_PARTS, ramped,
};

mod connect;
pub use connect::{MOST_ATTEMPTS, Race, RaceStep, in_order};

mod preamble;

mod proxy_header;
pub use proxy_header::{
    BadProxyHeader, MOST_PROXY_HEADER, ProxyAddresses, ProxyHeader, SendProxy, UnixPath,
};

mod relay;
pub use relay::lane::{Lane, LaneState, Step};
pub use relay::path::{Fallback, Path, PathChoice, PathsUsed};
pub use relay::socket_state::{Readiness, SocketState};

mod flush;

mod close;
pub use close::reason::{By, Cause, CloseReason, Phase, SocketFailure};
pub use close::{Ending, LaneEnding};

mod deadlines;
pub use deadlines::{FLUSH_LIMIT, Timeouts};

mod stall;

mod idle_clock;
pub use idle_clock::Unacked;

mod keepalive;
pub use keepalive::Keepalive;

mod outbound;
pub use outbound::{Buffers, Outbound};

mod pacing;
pub use pacing::Pacing;

mod socket_rights;
pub use socket_rights::SocketRights;

mod saved;

mod verdict;
pub use verdict::{IDLE_AFTER, Observation, Prerequisite, STUCK_AFTER, Verdict, Way};
