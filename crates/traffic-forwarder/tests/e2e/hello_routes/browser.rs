//! A browser as the client. Its hello has a post-quantum key, and some 2,000 bytes.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tempfile::TempDir;
use testkit::{LIMIT, Port, SessionRecord, Socket, Tool, connect, run, wait_until};

use super::clients::SecureServer;
use crate::support::{Config, Operated, unacked};

/// Bytes of a hello that are sent at once.
const PART: usize = 400;

/// X25519MLKEM768 in a key share, and the length of the key (RFC 8446 section 4.2.8; group of
/// draft-ietf-tls-ecdhe-mlkem).
const POST_QUANTUM_KEY: [u8; 4] = [0x11, 0xec, 0x04, 0xc0];

/// A relay that passes the hello of each client on in parts. A part is sent when the one before it has arrived,
/// so that each is one segment.
struct Divider {
    addr: SocketAddr,
    hellos: Receiver<Vec<u8>>,
    listener: Socket,
}

impl Divider {
    fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, hellos) = channel();
        let accepting = listener.try_clone().unwrap();
        thread::spawn(move || {
            for client in accepting.incoming().map_while(Result::ok) {
                // Chromium opens connections ahead of their use.
                let _ = divide(client, to, &sender);
            }
        });
        Self { addr, hellos, listener: listener.into() }
    }
}

impl Drop for Divider {
    fn drop(&mut self) {
        // Ends the thread: its accept fails.
        let _ = self.listener.shutdown(Shutdown::Both);
    }
}

/// Fails for a client that leaves without a hello.
fn divide(client: TcpStream, to: SocketAddr, hellos: &Sender<Vec<u8>>) -> io::Result<()> {
    client.set_read_timeout(Some(LIMIT))?;
    let mut hello = vec![0; 5];
    (&client).read_exact(&mut hello)?;
    let length = u16::from_be_bytes([hello[3], hello[4]]);
    (&client).take(length.into()).read_to_end(&mut hello)?;
    let server = connect(to)?;
    for part in hello.chunks(PART) {
        (&server).write_all(part)?;
        wait_until("a part of the hello to arrive", LIMIT, || unacked(&server) == 0);
    }
    let server = TcpStream::from(server);
    let (from, into) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || copy(&from, &into));
    thread::spawn(move || copy(&server, &client));
    // A test that has ended needs none.
    let _ = hellos.send(hello);
    Ok(())
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    // Either end may leave first; the other one then ends, too.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

/// The page of this server as Chromium shows it. Every name leads to `127.0.0.1`.
#[track_caller]
fn page(host: &str, addr: SocketAddr) -> String {
    let profile = TempDir::new().unwrap();
    let mut chromium = Tool::find("chromium").command();
    chromium.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]);
    chromium.args(["--disable-background-networking", "--disable-component-update"]);
    chromium.args(["--disable-sync", "--disable-dev-shm-usage", "--disable-quic"]);
    chromium.args(["--host-resolver-rules=MAP * 127.0.0.1", "--ignore-certificate-errors"]);
    chromium.arg(format!("--user-data-dir={}", profile.path().display()));
    chromium.args(["--dump-dom", &format!("https://{host}:{}/", addr.port())]);
    run(&mut chromium, 6 * LIMIT).success().text()
}

#[test]
fn chromium_reaches_the_server_that_it_names_by_a_hello_in_many_segments() {
    let servers = ["/CN=one", "/CN=two"].map(|name| SecureServer::start(name, &["-www"]));
    let [one, two] = servers.each_ref().map(SecureServer::addr);
    let port = Port::v4();
    let settings = format!(
        "name = 'f'\nroute = [{{ sni = 'one.test', to = '{one}' }}, \
         {{ sni = '*.two.test', alpn = 'h2', to = '{two}' }}]\nhello_timeout = '60s'"
    );
    let operated = Operated::start(Config::new().forward_with(port.addr(), settings));
    let names = [("one.test", one), ("shop.two.test", two)];
    let divider = Divider::start(port.addr());
    for (host, server) in names {
        for addr in [port.addr(), divider.addr] {
            let page = page(host, addr);
            assert!(page.contains(&format!("-accept {server} ")), "{host} {addr}: {page}");
        }
        let hello = divider.hellos.try_iter().last().expect("a hello");
        assert!(hello.len() > 3 * PART, "a hello of {} bytes", hello.len());
        assert!(hello.windows(4).any(|it| it == POST_QUANTUM_KEY), "no post-quantum key");
    }
    operated.wait_for_sessions(0);
    let records = operated.records();
    assert!(records.len() >= 2 * names.len());
    for record in records {
        let SessionRecord { json, .. } = &record;
        let server = names.iter().find(|(host, _)| json["sni"] == *host);
        assert!(server.is_some_and(|(_, it)| json["target"] == it.to_string()), "{json}");
    }
}
