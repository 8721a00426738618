//! `share` and `per_client`: who gets the places of a forward, and of the process.

mod changes;
mod greedy;
mod limits;

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use testkit::{LIMIT, Socket, connect_from, wait_until};

use crate::support::Operated;

/// An address of this host by number.
fn address(number: u16) -> IpAddr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(127, 9, high, low).into()
}

/// Connects a client from this address. `None` if it is reset; else it has a session, whose target is an echo.
fn client_from(source: IpAddr, to: SocketAddr) -> Option<Socket> {
    // The RST may come before connect(2) has returned.
    let mut socket = connect_from(source, to).ok()?;
    // A reset at its end: thousands of clients would leave a port each in TIME-WAIT, here and at the target.
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.set_write_timeout(Some(LIMIT)).unwrap();
    socket.write_all(b".").ok()?;
    socket.read_exact(&mut [0]).ok()?;
    Some(socket)
}

fn client(number: u16, to: SocketAddr) -> Option<Socket> {
    client_from(address(number), to)
}

/// The sessions of a client that takes all that it gets, up to `most`.
fn fill(number: u16, to: SocketAddr, most: usize) -> Vec<Socket> {
    std::iter::from_fn(|| client(number, to)).take(most).collect()
}

#[track_caller]
fn is_served(number: u16, to: SocketAddr) -> Socket {
    client(number, to).unwrap_or_else(|| panic!("client {number} is refused"))
}

#[track_caller]
fn is_refused(number: u16, to: SocketAddr) {
    assert!(client(number, to).is_none(), "client {number} is served");
}

/// The counter of clients refused for this cause in the metrics.
fn refused(operated: &Operated, forward: &str, cause: &str) -> u64 {
    let start =
        format!("traffic_forwarder_refused_total{{forward=\"{forward}\",cause=\"{cause}\"}} ");
    let scrape = operated.http.get("/metrics").success().body;
    let count = scrape.lines().find_map(|line| line.strip_prefix(&start));
    count.map_or(0, |count| count.parse().unwrap())
}

/// The places of each client that holds any, biggest first.
fn places(operated: &Operated) -> Vec<(String, u64)> {
    let clients = operated.http.json("/v1/clients")["clients"].as_array().unwrap().clone();
    let held = clients.iter().filter(|client| client["places"] != 0);
    let place = |client: &Value| {
        (
            client["client"].as_str().unwrap_or("others").to_owned(),
            client["places"].as_u64().unwrap(),
        )
    };
    held.map(place).collect()
}

#[track_caller]
fn wait_for_places(operated: &Operated, expected: &[(&str, u64)]) {
    let is_so = || {
        let places = places(operated);
        places.iter().map(|(client, places)| (&**client, *places)).eq(expected.iter().copied())
    };
    wait_until(&format!("the places {expected:?}"), LIMIT, is_so);
}
