//! What the process shows of itself as it happens: events for watchers, the log, and metrics.
//!
//! Workers send reports. The journal's thread turns each into an event, for the watchers of the admin
//! interface and as a line of the log. Metrics are rendered from a snapshot that the caller takes.
//! The crate knows reports, records and counters of the engine, and nothing of the process that
//! serves: no supervisor, no reload, no HTTP.

mod events;
pub use events::{Event, Events, Watch};

mod report_events;
pub use report_events::ReportEvents;

mod journal;
pub use journal::{After, Journal, hold_reports};

pub mod log;

mod version;
pub use version::Version;

pub mod metrics;
