//! The PROXY protocol, with real programs at the other end.

mod checks;
mod lists;
mod receiving;
mod senders;
mod sending;
mod tlvs;

use std::net::SocketAddr;

use testkit::{Place, Port, Server};

/// HAProxy behind a listener with these options. It answers each request with the addresses that it takes for
/// those of the client and of the listener.
fn haproxy(options: &str) -> Server {
    Server::with_config("haproxy", &["-db", "-f"], |own| {
        format!(
            "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
             frontend it\n bind {} {options}\n http-request return status 200 content-type \
             text/plain lf-string \"%[src]:%[src_port] %[dst]:%[dst_port]\"\n",
            own.addr()
        )
    })
}

/// nginx that requires a header, and answers each request with the addresses in it.
fn nginx() -> Server {
    Server::with_config("nginx", &["-e", "stderr", "-c"], nginx_config)
}

fn nginx_config(own: &Port) -> String {
    let pid = std::env::temp_dir().join(format!("traffic-forwarder-nginx-{own}.pid"));
    format!(
        "daemon off; pid {}; error_log stderr; events {{}}
         http {{
             access_log off;
             server {{
                 listen {} proxy_protocol;
                 return 200 '$proxy_protocol_addr:$proxy_protocol_port $proxy_protocol_server_addr:$proxy_protocol_server_port';
             }}
         }}",
        pid.display(),
        own.addr()
    )
}

/// The families by which a client may come.
const FAMILIES: [fn() -> Port; 2] = [Port::v4, Port::v6];

/// Writes a header with the addresses of the client and of the listener.
type Header = fn(SocketAddr, SocketAddr) -> Vec<u8>;

/// A v1 header with these addresses, as the protocol writes it.
fn line(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let ([from, to], [from_port, to_port]) =
        ([source.ip(), destination.ip()], [source.port(), destination.port()]);
    format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n").into_bytes()
}

/// A v2 header with these addresses of one family.
fn block(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let octets = |address: SocketAddr| match address {
        SocketAddr::V4(v4) => v4.ip().octets().to_vec(),
        SocketAddr::V6(v6) => v6.ip().octets().to_vec(),
    };
    let ports = [source, destination].map(|address| address.port().to_be_bytes()).concat();
    let block = [octets(source), octets(destination), ports].concat();
    let family = if source.is_ipv4() { 0x11 } else { 0x21 };
    v2(0x21, family, &block)
}

/// A v2 header with this command, family and block.
fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, block].concat()
}

/// The places at which a target may listen.
const PLACES: [Place; 2] = [Place::V4, Place::Unix];
