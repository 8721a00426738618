//! Target servers: one thread, one edge-triggered epoll instance, and as few system calls as
//! possible, so that the target is never the bottleneck.

mod echo;
mod sink;
mod source;

use std::convert::Infallible;
use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::failure::{Context, Result};
use crate::hub::{Hub, Service};
use crate::report::say;

/// How often a session may read or write before the others have their turn.
const FAIR: usize = 4;

/// `tf-load serve`.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// What to do with connections.
    kind: Kind,
    /// Listen address; with port 0 the kernel chooses, and the first line of output has the port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How often an echo sends each byte back: answers larger than their requests, for a picture of
    /// a lifelike load. What the clients measure then means nothing.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..))]
    times: u8,
    /// Print the address as JSON.
    #[arg(long)]
    json: bool,
}

/// What a server does with its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Echoes received bytes, except a PROXY header (version 2) before the first.
    Echo,
    /// Receives and discards; ends when the client does.
    Sink,
    /// Sends without end, discards received bytes, and closes when the client does.
    Source,
    /// A sink for connections whose first byte is 0 (those of `bulk`), an echo for all others.
    Mixed,
    /// The other end of `verify`.
    Verify,
}

/// Serves until it is killed.
pub(crate) fn run(options: &Serve) -> Result<Infallible> {
    match options.kind {
        Kind::Echo => serve(options, echo::Echo::plain(options.times)),
        Kind::Mixed => serve(options, echo::Echo::mixed()),
        Kind::Sink => serve(options, sink::Sink::new()),
        Kind::Source => serve(options, source::Source::new()),
        Kind::Verify => serve(options, crate::verify::Server::new()),
    }
}

fn serve<S: Service>(options: &Serve, service: S) -> Result<Infallible> {
    let what = format!("listen on {}", options.listen);
    let listener = crate::socket::listen(options.listen).context(&what)?;
    let address = sys::listen::local_address(&listener)?.unwrap_or(options.listen);
    let mut hub = Hub::new(service, Some(listener))?;
    say(&if options.json {
        json!({ "listening": address.to_string() }).to_string()
    } else {
        format!("listening {address}")
    });
    loop {
        hub.turn(None)?;
    }
}
