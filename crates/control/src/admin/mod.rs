//! The admin interface: HTTP with JSON on a Unix socket, or on a loopback port for those who know
//! the token. It runs on the control thread, and everything about it is bounded, so that whatever
//! is asked here, the workers do not notice.
//!
//! ```text
//!  door     where it listens, and who may come in
//!  server   connections: their number, their time, their size
//!  routes   which question is answered where
//!  app      what answers are made of
//!  budget   the memory of answers that wait to be read
//!  answers: status, forwards, sessions (listing, rates, growth), reload, upgrade, events, probes,
//!           profile
//!  page     what a browser shows of these answers; its files are in the folder `page`
//! ```

mod access;

mod app;
mod budget;
mod door;
mod server;
mod stall;

mod refusal;
mod routes;

mod events;
mod forwards;
mod growth;
mod listing;
mod meter;
mod probes;
mod profile;
mod rates;
mod reload;
mod sessions;
mod status;
mod upgrade;

mod document;
mod page;

pub(crate) use app::App;
pub(crate) use door::Door;

mod door_error;
pub use door_error::{DoorCause, DoorError};
pub(crate) use profile::{cpu_is_sampled, let_samples_through};
pub(crate) use server::open;
