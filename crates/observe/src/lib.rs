//! Observability: events, the log, and metrics.
//!
//! Workers send reports. The journal's thread turns each into an event, for watchers of the admin
//! interface and as a line of the log. Metrics are rendered from a snapshot that the caller takes.
//! The crate depends on reports, records and counters of the engine, and not on the supervisor,
//! reloads or HTTP.

mod events;
pub use events::{Event, Events, Subscription};

mod episodes;
mod occurrence;
mod open_episodes;
pub use open_episodes::OpenEpisodes;
mod session_events;
pub use session_events::session_closed;
mod session_line;

mod report_events;
pub use report_events::ReportEvents;

mod journal;
pub use journal::{After, Journal, hold_reports};

pub mod log;

mod version;
pub use version::Version;

pub mod metrics;
