//! The data of the events of `GET /v1/events`. Each event name has one type.

use super::{FleetState, Origin, PathsUsed, Word};
use flow::{By, Cause, Fallback, Phase, Verdict};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;

/// `session_opened`: a client was accepted and admitted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionOpened {
    /// The session's id, unique in this process.
    pub id: u64,
    /// Name of the forward, as configured.
    pub forward: String,
    /// The client's address, or `unix`.
    pub client: String,
}

/// `session_connected`: the target is connected, bytes flow.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionConnected {
    /// The session's id, unique in this process.
    pub id: u64,
    /// Name of the forward, as configured.
    pub forward: String,
    /// Address of the connected target.
    pub target_address: String,
}

/// `session_closed`: the session record, with the same fields as in the log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionClosed<'a> {
    /// The session's id, unique in this process.
    pub id: u64,
    /// Name of the forward, as configured.
    pub forward: Cow<'a, str>,
    /// The client's address, or `unix`.
    pub client: String,
    /// Address of the proxy whose PROXY header names the client; null if there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proxy: Option<String>,
    /// Server name (SNI) in the client's TLS ClientHello, where `route` reads it; null if there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sni: Option<Cow<'a, str>>,
    /// The listen address, as configured.
    pub listener: Cow<'a, str>,
    /// The selected target, as configured; null if none was selected.
    pub target: Option<Cow<'a, str>>,
    /// Address of the target that was connected or tried last.
    pub target_address: Option<String>,
    /// Number of attempts to connect, to all targets together; 255 stands for more.
    pub attempts: u8,
    /// Time at which the client was accepted.
    pub started: String,
    /// Seconds from accept to the end.
    pub duration: f64,
    /// Seconds from accept to the connected target; null if it was not connected.
    pub connect_time: Option<f64>,
    /// Seconds from accept to the target's first byte; null if there was none.
    #[serde(default)]
    pub first_byte: Option<f64>,
    /// Bytes from the client to the target.
    pub bytes_up: u64,
    /// Bytes from the target to the client.
    pub bytes_down: u64,
    /// Seconds in which bytes from the client waited for the target's socket.
    #[serde(default)]
    pub stalled_up: f64,
    /// Seconds in which bytes from the target waited for the client's socket.
    #[serde(default)]
    pub stalled_down: f64,
    /// Paths of the bytes from client to target: `none`, `copy`, `splice` or `copy+splice`.
    #[schema(schema_with = Word::<PathsUsed>::schema)]
    pub path_up: Word<PathsUsed>,
    /// Paths of the bytes from target to client, likewise.
    #[schema(schema_with = Word::<PathsUsed>::schema)]
    pub path_down: Word<PathsUsed>,
    /// Why the lane from client to target fell back from splice to copy.
    #[schema(schema_with = Word::<Fallback>::schema)]
    pub fallback_up: Word<Fallback>,
    /// Why the lane from target to client fell back, likewise.
    #[schema(schema_with = Word::<Fallback>::schema)]
    pub fallback_down: Word<Fallback>,
    /// The last verdict: the slow side, if there was one.
    #[serde(default = "no_verdict")]
    #[schema(schema_with = Word::<Verdict>::schema)]
    pub verdict: Word<Verdict>,
    /// The close reason of the session.
    pub close: Close<'a>,
    /// The kernel's view of the client's connection at the end; null for a Unix socket.
    pub client_tcp: Option<ClosedTcp>,
    /// The kernel's view of the target's connection at the end; null for a Unix socket.
    pub target_tcp: Option<ClosedTcp>,
}

/// Older versions had none.
fn no_verdict() -> Word<Verdict> {
    Verdict::Ok.into()
}

/// The close reason of a session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Close<'a> {
    /// The party that ended the session.
    #[schema(schema_with = Word::<By>::schema)]
    pub by: Word<By>,
    /// The phase of the session at its end.
    #[schema(schema_with = Word::<Phase>::schema)]
    pub phase: Word<Phase>,
    /// The cause of the end.
    #[schema(schema_with = Word::<Cause>::schema)]
    pub cause: Word<Cause>,
    /// The kernel's error, such as `ECONNREFUSED`; null if there was none.
    pub errno: Option<Cow<'a, str>>,
}

/// `TCP_INFO` of a connection at the end of its session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClosedTcp {
    /// Smoothed round-trip time in seconds.
    pub rtt: f64,
    /// Number of retransmitted segments.
    pub retransmits: u32,
}

/// `target_down`: a session ended because its target could not be connected; or, with `failures`, the target is
/// out of use.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TargetDown {
    /// Name of the forward, as configured.
    pub forward: String,
    /// The selected target, as configured; null if none was selected.
    pub target: Option<String>,
    /// Address of the last attempt.
    pub target_address: Option<String>,
    /// The close reason's cause: `refused`, `unreachable`, `connect_timeout`, `name_error`, ...
    #[schema(schema_with = Word::<Cause>::schema)]
    pub cause: Word<Cause>,
    /// Failed connects or checks in a row that took the target out of use; null if one session ended.
    #[serde(default)]
    pub failures: Option<u32>,
    /// Why the last check failed; null if no check took the target out of use.
    #[serde(default)]
    pub error: Option<String>,
}

/// `target_up`: a target that was out of use takes sessions.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TargetUp {
    /// Name of the forward, as configured.
    pub forward: String,
    /// The target, as configured.
    pub target: String,
    /// Whether it was down before, as `target_down` said; false if its first check has succeeded.
    #[serde(default = "was_down")]
    pub was_down: bool,
}

/// Older versions said so of every target.
fn was_down() -> bool {
    true
}

/// `limit_reached`: clients were refused because `max_sessions` were open. At most one in five
/// seconds per worker and forward.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LimitReached {
    /// Name of the forward, as configured.
    pub forward: String,
    /// Whose limit is reached: `forward` or `process`.
    #[serde(default)]
    pub scope: Cow<'static, str>,
    /// The reached limit, in sessions.
    pub limit: u32,
    /// Open sessions of the forward, if it has its `share` of the process's `max_sessions`; null if another
    /// limit is reached.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sessions: Option<u32>,
    /// Address of the client that was refused most often since the last such event; null for a Unix listener.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client: Option<String>,
    /// Clients refused since the last such event.
    pub count: u64,
    /// The reason, in the form of a session's close reason.
    pub close: Close<'static>,
}

/// `not_allowed`: clients were refused, because `allow` and `deny` do not allow their addresses, or
/// `accept_proxy` does not trust them. At most one in five seconds per worker and forward.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NotAllowed {
    /// Name of the forward, as configured.
    pub forward: String,
    /// Address of the one refused most often since the last such event.
    pub client: String,
    /// The setting that refuses it: `allow`, `deny` or `accept_proxy`. Null from an older version.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// The prefix of `deny` that has its address; null if another setting refuses it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prefix: Option<String>,
    /// Clients refused since the last such event.
    pub count: u64,
    /// The reason, in the form of a session's close reason.
    pub close: Close<'static>,
}

/// `client_limited`: clients were refused by a limit of their own. At most one in five seconds per worker,
/// forward and cause.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClientLimited {
    /// Name of the forward, as configured.
    pub forward: String,
    /// One of them: its address, or the prefix by which it is counted.
    pub client: String,
    /// Its open sessions.
    pub places: u32,
    /// The setting that limits it: `share`, `per_client.sessions` or `per_client.new`.
    pub key: Cow<'static, str>,
    /// Its limit, if that is `per_client.sessions`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<u32>,
    /// Free places of the forward, if the limit is `share`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub free: Option<u32>,
    /// Clients refused for this cause since the last such event.
    pub count: u64,
    /// The reason, in the form of a session's close reason.
    pub close: Close<'static>,
}

/// `accept_failed`: a listener pauses, because accept(2) failed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AcceptFailed {
    /// Name of the forward, as configured.
    pub forward: String,
    /// The error of accept(2).
    pub error: String,
    /// Failures since the last such event.
    pub count: u64,
}

/// `resource_exhausted`: this host lacks a resource.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResourceExhausted {
    /// The missing resource: `no_files`, `no_ports` or `no_memory`.
    #[schema(schema_with = Word::<Cause>::schema)]
    pub cause: Word<Cause>,
    /// The purpose of the resource.
    pub needed_for: String,
    /// Occurrences since the last such event.
    pub count: u64,
}

/// `drain` and `resume`: a forward or a target was drained, or takes sessions again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ForwardSwitched {
    /// Name of the forward, as configured.
    pub forward: String,
    /// Its target, as configured; null if the whole forward was switched.
    pub target: Option<String>,
    /// Number of open sessions of the forward.
    pub sessions: u32,
}

/// `reload`: the configuration was reloaded, or the attempt failed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// Origin of the request: `SIGHUP`, `admin`, `watch`, or `unconfirmed` for the revert of a trial.
    #[schema(schema_with = Word::<Origin>::schema)]
    pub by: Word<Origin>,
    /// Generation of the running configuration: how many have run since the start.
    pub generation: u64,
    /// The error; null after a success.
    pub error: Option<String>,
}

/// `upgrade`: the process is about to execute another program, or the attempt failed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Upgraded {
    /// Origin of the request: `SIGUSR2` or `admin`.
    #[schema(schema_with = Word::<Origin>::schema)]
    pub by: Word<Origin>,
    /// The version about to run; null after a failure. Connections to the admin interface end now.
    pub version: Option<String>,
    /// The commit of its build; null if it is unknown.
    pub build: Option<String>,
    /// The error; null after a success.
    pub error: Option<String>,
}

/// `fleet_revision`: the process follows another revision of its fleet.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FleetRevision {
    /// The revision that is followed.
    pub revision: u64,
    /// The one before; null if this is the first.
    pub before: Option<u64>,
}

/// `fleet_state`: the state of the process in its fleet changed, or a reason not to follow came or went.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FleetStateChanged {
    /// The state.
    #[schema(schema_with = Word::<FleetState>::schema)]
    pub state: Word<FleetState>,
    /// The state before.
    #[schema(schema_with = Word::<FleetState>::schema)]
    pub before: Word<FleetState>,
    /// The revision that is followed; null before the first.
    pub revision: Option<u64>,
    /// The reason for the state, or for a revision that is not followed, at most 500 characters.
    pub why: Option<String>,
}

/// `fleet_store`: the store of the fleet is silent, or answers again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FleetStore {
    /// The last reading of the store succeeded.
    pub up: bool,
    /// Why it failed, at most 500 characters.
    pub problem: Option<String>,
    /// Time of the last successful reading, as RFC 3339; null before the first.
    pub read_at: Option<String>,
}

/// `shutdown`: the process takes no new sessions, and ends.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Shutdown {
    /// Origin of the request: `SIGTERM` or `SIGINT`.
    #[schema(schema_with = Word::<Origin>::schema)]
    pub by: Word<Origin>,
    /// Number of open sessions.
    pub sessions: u32,
}

/// `lagged`: the reader was too slow. This is the last event of the connection.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Lagged {
    /// Number of events that were not sent.
    pub missed: u64,
}
