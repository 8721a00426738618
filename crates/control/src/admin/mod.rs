//! The admin interface: HTTP with JSON on a Unix socket, and on a loopback port with a token. It
//! runs on the control thread with bounded resources, so that requests never delay the workers.
//!
//! ```text
//!  listeners  the listening sockets (listener) and the tokens in force
//!  server     limits of connections: number (places, connections), time, size
//!  access     authorisation of requests: caller, tokens, denials
//!  audit      a line for each change
//!  routes     paths and their handlers
//!  metrics_routes  paths on the address of `metrics` (recent_metrics)
//!  app        data of the handlers
//!  budget     memory of answers that are not read yet
//!  handlers   status, forwards (target_states), sessions (listing, session_rates, total_rates),
//!             ended_sessions (both: session_filter), reload, upgrade, events, probes, profile
//!  page       the web page; its files are in the folder `page`
//!  page_proxy the page of another process, for the command `web`
//! ```

mod access;
mod audit;
mod caller;
mod connections;
mod denials;
mod places;
mod reserve;
mod tokens;

mod app;
mod budget;
mod clients;
mod listener;
mod listeners;
mod metrics_routes;
mod recent_metrics;
mod server;
mod write_timeout;

mod refusal;
mod routes;

mod ended_sessions;
mod events;
mod forwards;
mod listing;
mod probes;
mod profile;
mod rate_sampler;
mod reload;
mod session_filter;
mod session_rates;
mod sessions;
mod status;
mod target_states;
mod total_rates;
mod upgrade;

mod document;
mod page;
mod page_proxy;
pub use page_proxy::serve_page;

pub(crate) use app::App;
pub(crate) use caller::{Caller, Peer};
mod interface;
pub use interface::Interface;
pub(crate) use listeners::{AdminHandoff, AdminListeners, interface_of};

mod listener_error;
pub use listener_error::{AdminListenCause, AdminListenError};
pub(crate) use profile::{cpu_is_sampled, let_samples_through};
pub(crate) use server::open;
