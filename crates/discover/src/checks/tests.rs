//! Checks of scripted servers.

use super::*;
use flow::Outbound;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use testkit::BlackHole;

const LIMIT: Duration = Duration::from_secs(30);

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn result(to: ProbeAddress, kind: ProbeKind, timeout: Duration) -> Result<(), CheckFailure> {
    let result = on_runtime(check(&Probe {
        to,
        header: Vec::new(),
        outbound: Outbound::default(),
        kind: Arc::new(kind),
        timeout,
    }));
    assert!(result.took < timeout + LIMIT);
    result.outcome
}

fn of(addresses: &[SocketAddr]) -> ProbeAddress {
    ProbeAddress::Tcp(addresses.into())
}

/// The result of a check of a server that reads until `until` and sends `answer`, then closes.
fn of_answer(
    kind: ProbeKind,
    until: &'static [u8],
    answer: &'static [u8],
) -> Result<(), CheckFailure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(until) {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            bytes.extend(byte);
        }
        // Byte by byte: a judgement must not depend on the segments.
        for byte in answer {
            // The check may have its result already.
            let _ = stream.write_all(&[*byte]);
        }
        bytes
    });
    let outcome = result(of(&[at]), kind, LIMIT);
    assert!(server.join().unwrap().ends_with(until));
    outcome
}

fn http(status: (u16, u16)) -> ProbeKind {
    let (method, path, host) = ("GET".to_owned(), "/up".to_owned(), "db.test".to_owned());
    ProbeKind::Http { method, path, host, status }
}

#[test]
fn a_connect_is_enough_for_a_check_by_connect() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    assert_eq!(result(of(&[at]), ProbeKind::Connect, LIMIT), Ok(()));
    drop(listener);
    let refused = CheckFailure::Connect("connection refused".to_owned());
    assert_eq!(result(of(&[at]), ProbeKind::Connect, LIMIT), Err(refused));
    assert_eq!(result(of(&[]), ProbeKind::Connect, LIMIT), Err(CheckFailure::NoAddress));
    let hole = BlackHole::open();
    let began = Instant::now();
    let timeout = Duration::from_millis(300);
    let outcome = result(of(&[hole.addr()]), ProbeKind::Connect, timeout);
    assert_eq!(outcome, Err(CheckFailure::Timeout(Excerpt::default())));
    assert!(began.elapsed() >= timeout);
}

/// The target would log the resets.
#[test]
fn the_program_of_a_target_does_not_see_checks_by_connect() {
    for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let at = listener.local_addr().unwrap();
        assert_eq!(result(of(&[at]), ProbeKind::Connect, LIMIT), Ok(()));
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

#[test]
fn a_probe_connects_and_the_program_never_sees_it() {
    for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let at = listener.local_addr().unwrap();
        let outbound = Outbound::default();
        let probe = |limit| on_runtime(connect_once(&[at], &outbound, limit));
        assert!(probe(LIMIT).is_ok());
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(listener);
        assert_eq!(probe(LIMIT).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    let (hole, none) = (BlackHole::open(), Outbound::default());
    let limit = Duration::from_millis(100);
    let probe = |at: &[SocketAddr]| on_runtime(connect_once(at, &none, limit));
    let error = probe(&[hole.addr()]).unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None));
    assert_eq!(probe(&[]).unwrap_err().kind(), ErrorKind::AddrNotAvailable);
}

#[test]
fn a_silent_address_leaves_time_for_the_next() {
    let (hole, listener) =
        (BlackHole::open(), TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let addresses = [hole.addr(), listener.local_addr().unwrap()];
    assert_eq!(result(of(&addresses), ProbeKind::Connect, Duration::from_secs(2)), Ok(()));
}

#[test]
fn a_unix_socket_is_checked_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("target");
    let to = || ProbeAddress::Unix(path.clone());
    let outcome = result(to(), ProbeKind::Connect, LIMIT);
    assert!(matches!(outcome, Err(CheckFailure::Connect(_))), "{outcome:?}");
    let _listener = UnixListener::bind(&path).unwrap();
    assert_eq!(result(to(), ProbeKind::Connect, LIMIT), Ok(()));
}

#[test]
fn http_servers_are_judged_by_their_status() {
    let end = b"\r\n\r\n";
    let ok = b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n";
    assert_eq!(of_answer(http((200, 399)), end, ok), Ok(()));
    assert_eq!(of_answer(http((200, 200)), end, ok), Err(CheckFailure::Status(204)));
    assert_eq!(of_answer(http((200, 399)), end, b"HTTP/1.1 2"), Err(CheckFailure::Closed));
    assert!(matches!(
        of_answer(http((200, 399)), end, b"220 mail\r\n"),
        Err(CheckFailure::Unexpected(_))
    ));
}

#[test]
fn an_exchange_and_tls_are_judged_by_their_bytes() {
    let ping = || ProbeKind::Exchange { send: b"PING\r\n".to_vec(), expect: b"+PONG".to_vec() };
    assert_eq!(of_answer(ping(), b"PING\r\n", b"+PONG\r\n"), Ok(()));
    assert!(matches!(
        of_answer(ping(), b"PING\r\n", b"-ERR\r\n"),
        Err(CheckFailure::Unexpected(_))
    ));
    let tls = || ProbeKind::Tls { server_name: Some("db.test".to_owned()) };
    // The last extension of the ClientHello is an empty list of key shares.
    let end = &[0, 51, 0, 2, 0, 0];
    assert_eq!(of_answer(tls(), end, &[22, 3, 3, 0, 90, 2, 0, 0, 86]), Ok(()));
    assert_eq!(of_answer(tls(), end, &[21, 3, 3, 0, 2, 2, 40]), Ok(()));
    assert!(matches!(of_answer(tls(), end, b"HTTP/1.1 400 "), Err(CheckFailure::Unexpected(_))));
}

#[test]
fn a_server_that_accepts_and_says_nothing_times_out() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let outcome = result(of(&[at]), http((200, 399)), Duration::from_millis(300));
    assert_eq!(outcome, Err(CheckFailure::Timeout(Excerpt::default())));
}

#[test]
fn all_targets_are_checked_and_at_most_64_at_once() {
    const TARGETS: u16 = 200;
    let hole = BlackHole::open();
    let live = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let live_at = live.local_addr().unwrap();
    let mut checks = Checks::default();
    for key in 0..TARGETS {
        let to = of(&[if key % 2 == 0 { live_at } else { hole.addr() }]);
        let timeout = Duration::from_millis(50);
        let probe = Probe {
            to,
            header: Vec::new(),
            outbound: Outbound::default(),
            kind: Arc::new(ProbeKind::Connect),
            timeout,
        };
        checks.set(key, &"group".into(), probe, Duration::from_millis(1));
    }
    let mut results = std::collections::BTreeMap::new();
    on_runtime(async {
        while results.len() < usize::from(TARGETS) {
            let (key, result) = checks.next().await;
            assert!(
                checks.ended(key, Duration::ZERO, Duration::from_secs(3600)),
                "each target once"
            );
            assert_eq!(results.insert(key, result.outcome.is_ok()), None);
        }
    });
    assert!(results.iter().all(|(key, is_ok)| *is_ok == (key % 2 == 0)), "{results:?}");
}
