//! What the admin interface says, word for word: the server writes these, its clients read them,
//! and the OpenAPI document is made of them. Durations are seconds, times RFC 3339 in UTC, sizes
//! bytes.

mod attention;
pub use attention::{Attention, Condition, holds};

mod change;
pub use change::{Change, ChangedForward, ForwardSummary, Reload, RemadeFile};

mod event;
pub use event::{
    AcceptFailed, Close, ClosedTcp, ForwardSwitched, Lagged, LimitReached, Reloaded,
    ResourceExhausted, SessionClosed, SessionConnected, SessionOpened, Shutdown, TargetDown,
    Upgraded,
};

mod forward;
pub use forward::{Forward, Forwards, Rates};

mod process;
pub use process::{LastReload, LastUpgrade, Status, Upgrade};

mod session;
pub use session::{Lane, Session, Sessions, Tcp};

mod word;
pub use word::Word;

mod words;
pub use words::{
    DoneState, Effect, ErrorCode, EventName, ForwardState, Origin, PathsUsed, ProcessState,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// That something was done.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// What: `killed`, `draining`, `active`, `confirmed`.
    #[schema(schema_with = Word::<DoneState>::schema)]
    pub state: Word<DoneState>,
    /// Whether it changed anything: false if it was so before.
    pub changed: bool,
}

/// Why something was not done.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The error.
    pub error: Error,
}

/// An error.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Error {
    /// A word for programs: `not_found`, `bad_request`, `invalid_config`, `unfit`, `draining`,
    /// `unauthorized`, ...
    #[schema(schema_with = Word::<ErrorCode>::schema)]
    pub code: Word<ErrorCode>,
    /// A text for people.
    pub message: String,
}
