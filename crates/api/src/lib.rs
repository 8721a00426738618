//! The types of the admin interface: the server serializes them, the commands read them, and the
//! OpenAPI document is generated from them. Durations are seconds, times RFC 3339 in UTC, sizes bytes.

mod attention;
pub use attention::{Attention, Condition, holds};

mod change;
pub use change::{Change, ChangedForward, ForwardSummary, Reload, RemadeFile};

mod client;
pub use client::{Client, Clients};

mod ended;
pub use ended::{EndedSession, EndedSessions};

mod event;
pub use event::{
    AcceptFailed, ClientLimited, Close, ClosedTcp, FleetRevision, FleetStateChanged, FleetStore,
    ForwardSwitched, Lagged, LimitReached, NotAllowed, Reloaded, ResourceExhausted, SessionClosed,
    SessionConnected, SessionOpened, Shutdown, TargetDown, TargetUp, Upgraded,
};

mod fleet;
mod forward;
pub use fleet::{Fleet, FleetKeep};
pub use forward::{CheckCounts, Forward, Forwards, LastCheck, Rates, Target};

mod process;
pub use process::{FailingName, LastReload, LastUpgrade, Status, Upgrade};

mod session;
pub use session::{HalfClosed, Lane, Session, Sessions, Tcp};

mod word;
pub use word::Word;

mod words;
pub use words::{
    DoneState, Effect, ErrorCode, EventName, FleetState, ForwardState, Origin, PathsUsed,
    ProcessState, TargetState,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The answer to a command that was carried out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// The result: `killed`, `draining`, `active` or `confirmed`.
    #[schema(schema_with = Word::<DoneState>::schema)]
    pub state: Word<DoneState>,
    /// Whether the command changed anything: false if the state was the same before.
    pub changed: bool,
}

/// The answer to `DELETE /v1/sessions`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Killed {
    /// Number of sessions that were reset.
    pub sessions: u64,
}

/// The answer to a request that failed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// Code and text of the error.
    pub error: Error,
}

/// An error as a code for programs and a text for people.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Error {
    /// A stable code for programs: `not_found`, `bad_request`, `invalid_config`, `unfit`, `draining`,
    /// `unauthorized`, ...
    #[schema(schema_with = Word::<ErrorCode>::schema)]
    pub code: Word<ErrorCode>,
    /// A text for people, which may change between versions.
    pub message: String,
}
