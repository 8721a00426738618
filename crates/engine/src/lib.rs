//! The data plane: carries out the decisions of crate `flow` on one thread per core, with epoll, and
//! without a lock, an allocation or a clock reading per byte.
//!
//! A session passes these stages, one module each. A stage that decides has a file of the same name in
//! `flow`.
//!
//! ```text
//!   accept -> permit -> greet -> rule -> select -> connect -> preamble -> relay -> flush -> close
//! ```
//!
//! `worker` is the thread around them: it waits for events, and calls the current stage of a session.
//! Below, the modules stand in this order, each stage followed by its helpers.

mod accept;

mod permit;

mod greet;
mod hello;

mod rule;

mod select;

mod attempt;
mod condition;
mod connect;
mod connecting;
mod loop_guard;
mod name_answer;
mod resolve;
mod sets;

mod place;
mod preamble;

mod relay;

mod holding;
mod pump;
pub use holding::PIPE_SIZES;

mod flush;

mod close;

mod greeting;
mod hello_state;
mod own_header;
mod proxied;
mod session;
mod slots;
mod table;
mod wheel;

mod acceptor;
mod context;
mod token;
mod unapplied;
mod worker;

mod checked;
mod down_cause;
mod forward;
mod known_targets;
mod reach;
mod removed_targets;
mod rules;
mod state_change;
mod target;
mod target_address;
mod targets;

mod admission;
mod client_rules;
mod clients;
pub use clients::ClientSnapshot;

mod change;
mod message;
mod publish;
pub use publish::{CHANGE_LIMIT, Published};

mod upgrade;
pub use upgrade::{Handoff, NotParked, Parked, TakenOver};

mod view;
pub use view::{
    LaneView, Reply, SessionDetail, SessionFilter, SessionPage, SessionView, TargetFilter,
    TextFilter,
};

mod ended;
pub use ended::{ENDED_KEPT, EndedSessions};

mod observer;
mod selection;
pub use observer::Observer;

mod counters;
pub use counters::{Attempts, Classes, DURATION_BOUNDS, Sums, Totals};

mod failure;
mod mailbox;
mod rate_limit;
mod report;
mod shared;
mod spins;
pub use spins::Spins;
mod suspects;
mod top_clients;

/// Parts exposed to the micro-benchmarks and to the simulation. Not for use elsewhere.
#[doc(hidden)]
pub mod parts {
    pub use crate::audit::{
        AcceptorAudit, EngineAudit, ForwardAudit, GateAudit, ListenerAudit, PermitAudit,
        TargetAudit,
    };
    pub use crate::mailbox::Mailbox;
    pub use crate::slots::{Key, Slots};
    pub use crate::wheel::Wheel;
    pub use crate::worker::{Audit, Awaited, HoldingAudit, SessionAudit, WaitsFor, Worker};
}

mod passed;
mod zone;
pub use passed::PassedSockets;

mod leaving;
mod listen_error;
mod listener;
pub use listen_error::{ListenCause, ListenError};

mod arrange;
pub use arrange::Applied;

mod bind;
mod socket_rights;

mod publish_sets;
pub use publish_sets::{LeftOut, SetsReplaced, set_names};

mod operator;
pub use operator::NotSwitched;

mod running;
pub use running::Unbound;

mod forward_view;
pub use forward_view::{ClientView, ForwardState, ForwardView, LostFile};

mod target_view;
pub use target_view::TargetView;

mod checked_target;
pub use checked_target::CheckedTarget;
pub use target_address::CheckedAddress;

mod probe_state;
mod probed_target;
mod watched_targets;
pub use probed_target::{ProbeError, ProbeSettings, ProbedTarget, Recorded, Unprobed};

mod options;
pub use options::{Detail, Options};

mod engine;
pub use engine::Engine;

mod start;

mod audit;

pub use checked::LastCheck;
pub use down_cause::DownCause;
pub use name_answer::{NameAnswer, NameFailure};
pub use report::{LastTcp, Report, Reports, SessionRecord};
pub use resolve::{Query, Resolve};
pub use sets::{SetChange, SetMember, set_of};
pub use state_change::StateChange;
