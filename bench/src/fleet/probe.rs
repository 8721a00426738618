//! One session by hand, to see where a forward leads.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::ledger::Begun;
use super::traffic::{ADDRESS, Hello, compare};
use crate::failure::{Context, Failure, Result};
use crate::random::{fill, mix};

/// Time for each step of a probe.
const LIMIT: Duration = Duration::from_secs(10);
const BYTES: usize = 64;

/// Connects to a forward, compares bytes, and returns the address of the target.
pub(super) fn target_of(listener: SocketAddr, begun: Begun) -> Result<Ipv4Addr> {
    let what = format!("probe {listener}");
    let mut stream = TcpStream::connect_timeout(&listener, LIMIT).context(&what)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let hello = Hello { seed: mix(listener.port().into()), begun };
    let mut sent = [0; BYTES];
    fill(hello.up(), 0, &mut sent);
    stream.write_all(&hello.encode()).and_then(|()| stream.write_all(&sent)).context(&what)?;
    let (mut address, mut answer) = ([0; ADDRESS], [0; BYTES]);
    stream.read_exact(&mut address).and_then(|()| stream.read_exact(&mut answer)).context(&what)?;
    compare(hello.down(), 0, &answer).map_err(Failure::new).context(&what)?;
    Ok(address.into())
}

/// Whether connections to an address are refused.
pub(super) fn is_refused(listener: SocketAddr) -> bool {
    TcpStream::connect_timeout(&listener, LIMIT).is_err()
}
