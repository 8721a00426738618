//! Verification of every byte at both ends.
//!
//! A session is a script that both ends derive from one seed: the length of each lane, the sizes
//! and pauses of reads and writes, and its ending. Each end sends its own pseudo-random stream and
//! compares the received one with the other end's. The client introduces a session with 24 bytes
//! ([`wire`]), and queries the server's observations at the end of a run.

mod client;
mod duplex;
mod lane;
mod pieces;
mod script;
mod server;
mod wire;

pub(crate) use client::{Verify, run};
pub(crate) use server::Server;
