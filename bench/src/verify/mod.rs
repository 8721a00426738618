//! Every byte checked at both ends.
//!
//! A session is a script that both ends derive from one seed: how long each lane is, in which
//! pieces and with which pauses it is written and read, and how it ends. Each end sends its own
//! pseudo-random stream and compares what it receives with the other's. The client introduces a
//! session with 24 bytes ([`wire`]), and at the end of a run asks the server what it has seen.

mod client;
mod duplex;
mod lane;
mod pieces;
mod script;
mod server;
mod wire;

pub(crate) use client::{Verify, run};
pub(crate) use server::Server;
