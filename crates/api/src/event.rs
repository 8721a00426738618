//! The data of the events that `GET /v1/events` sends. The name of an event tells which of these
//! it carries.

use super::{Origin, PathsUsed, Word};
use flow::{By, Cause, Fallback, Phase};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;

/// `session_opened`: a client was accepted and admitted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionOpened {
    /// The session's number.
    pub id: u64,
    /// The forward's name.
    pub forward: String,
    /// The client's address, or `unix`.
    pub client: String,
}

/// `session_connected`: the target is connected, bytes flow.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionConnected {
    /// The session's number.
    pub id: u64,
    /// The forward's name.
    pub forward: String,
    /// The address that was connected to.
    pub target_address: String,
}

/// `session_closed`: the session record, with the fields that it has in the log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionClosed<'a> {
    /// The session's number.
    pub id: u64,
    /// The forward's name.
    pub forward: Cow<'a, str>,
    /// The client's address, or `unix`.
    pub client: String,
    /// The listen address, as configured.
    pub listener: Cow<'a, str>,
    /// The target, as configured.
    pub target: Cow<'a, str>,
    /// The address that was connected to, or tried last.
    pub target_address: Option<String>,
    /// When the client was accepted.
    pub started: String,
    /// Seconds from then to the end.
    pub duration: f64,
    /// Seconds from then to the connection with the target.
    pub connect_time: Option<f64>,
    /// Bytes from the client to the target.
    pub bytes_up: u64,
    /// Bytes from the target to the client.
    pub bytes_down: u64,
    /// How they were moved: `none`, `copy`, `splice` or `copy+splice`.
    #[schema(schema_with = Word::<PathsUsed>::schema)]
    pub path_up: Word<PathsUsed>,
    /// The same for the other lane.
    #[schema(schema_with = Word::<PathsUsed>::schema)]
    pub path_down: Word<PathsUsed>,
    /// Why that lane went from splice to copy.
    #[schema(schema_with = Word::<Fallback>::schema)]
    pub fallback_up: Word<Fallback>,
    /// The same for the other lane.
    #[schema(schema_with = Word::<Fallback>::schema)]
    pub fallback_down: Word<Fallback>,
    /// Why the session ended.
    pub close: Close<'a>,
    /// The kernel's view of the client's connection.
    pub client_tcp: Option<ClosedTcp>,
    /// The kernel's view of the target's connection.
    pub target_tcp: Option<ClosedTcp>,
}

/// Why a session ended.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Close<'a> {
    /// Who ended it.
    #[schema(schema_with = Word::<By>::schema)]
    pub by: Word<By>,
    /// What it was doing.
    #[schema(schema_with = Word::<Phase>::schema)]
    pub phase: Word<Phase>,
    /// What happened.
    #[schema(schema_with = Word::<Cause>::schema)]
    pub cause: Word<Cause>,
    /// The kernel's error behind it, such as `ECONNREFUSED`.
    pub errno: Option<Cow<'a, str>>,
}

/// What the kernel knew of a connection when its session ended.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClosedTcp {
    /// Smoothed round-trip time in seconds.
    pub rtt: f64,
    /// Segments sent again.
    pub retransmits: u32,
}

/// `target_down`: a session ended because its target could not be connected.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TargetDown {
    /// The forward's name.
    pub forward: String,
    /// The target, as configured.
    pub target: String,
    /// The address that was tried last.
    pub target_address: Option<String>,
    /// The close reason's cause: `refused`, `unreachable`, `connect_timeout`, `name_error`, ...
    #[schema(schema_with = Word::<Cause>::schema)]
    pub cause: Word<Cause>,
}

/// `limit_reached`: clients were refused because `max_sessions` were open. At most one in five
/// seconds per worker and forward.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LimitReached {
    /// The forward's name.
    pub forward: String,
    /// The limit.
    pub limit: u32,
    /// How many were refused since the last such event.
    pub count: u64,
    /// Why, as a session record says it.
    pub close: Close<'static>,
}

/// `accept_failed`: a listener paused.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AcceptFailed {
    /// The forward's name.
    pub forward: String,
    /// What accept(2) said.
    pub error: String,
    /// How many times since the last such event.
    pub count: u64,
}

/// `resource_exhausted`: this host has nothing left of something.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResourceExhausted {
    /// What: `no_files`, `no_ports` or `no_memory`.
    #[schema(schema_with = Word::<Cause>::schema)]
    pub cause: Word<Cause>,
    /// What it was needed for.
    pub needed_for: String,
    /// How many times since the last such event.
    pub count: u64,
}

/// `drain` and `resume`: a forward takes no more sessions, or takes them again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ForwardSwitched {
    /// The forward's name.
    pub forward: String,
    /// Its open sessions.
    pub sessions: u32,
}

/// `reload`: the configuration was read again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// Who asked: `SIGHUP`, `admin`, `watch`, or `unconfirmed` if the last one was reverted.
    #[schema(schema_with = Word::<Origin>::schema)]
    pub by: Word<Origin>,
    /// The configuration that runs now.
    pub generation: u64,
    /// Why it failed; nothing if it did not.
    pub error: Option<String>,
}

/// `upgrade`: the process is about to become another program, or did not.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Upgraded {
    /// Who asked: `SIGUSR2` or `admin`.
    #[schema(schema_with = Word::<Origin>::schema)]
    pub by: Word<Origin>,
    /// The version that is about to run. All connections to the admin interface end now.
    pub version: Option<String>,
    /// The commit that it was built from; nothing if it is unknown.
    pub build: Option<String>,
    /// Why it failed; nothing if it did not.
    pub error: Option<String>,
}

/// `shutdown`: the process takes no more sessions, and ends.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Shutdown {
    /// Who asked.
    #[schema(schema_with = Word::<Origin>::schema)]
    pub by: Word<Origin>,
    /// Open sessions.
    pub sessions: u32,
}

/// `lagged`: you were too slow; `missed` events were not sent, and this is the last one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Lagged {
    /// How many.
    pub missed: u64,
}
