//! Sessions that are open and do nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use clap::Args;
use serde_json::json;

use super::{FILL, GRACE};
use crate::failure::{Failure, Result};
use crate::report::say;

/// `tf-load idle`.
#[derive(Args, Debug)]
pub(crate) struct Idle {
    /// Where to connect to.
    #[arg(long, value_name = "ADDR")]
    target: SocketAddr,
    /// How many sessions to hold.
    #[arg(long, default_value_t = 1000)]
    sessions: usize,
    /// Only connect. Without it each session exchanges one byte with an echo server, so that it
    /// is known to be open up to the target.
    #[arg(long)]
    untouched: bool,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
}

/// Opens the sessions, prints a line when all are open, and holds them until standard input ends.
pub(crate) fn run(options: &Idle) -> Result<()> {
    let mut sessions = Vec::with_capacity(options.sessions);
    for number in 1..=options.sessions {
        let session = open(options);
        sessions.push(session.map_err(|error| {
            Failure::new(format!("session {number} to {}: {error}", options.target))
        })?);
    }
    say(&if options.json {
        json!({ "kind": "idle", "open": sessions.len() }).to_string()
    } else {
        format!("open {}", sessions.len())
    });
    // Whatever ends the input ends the wait.
    let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
    Ok(())
}

fn open(options: &Idle) -> std::io::Result<TcpStream> {
    let mut session = TcpStream::connect_timeout(&options.target, GRACE)?;
    if !options.untouched {
        session.set_read_timeout(Some(GRACE))?;
        session.write_all(&[FILL])?;
        session.read_exact(&mut [0])?;
    }
    Ok(session)
}
