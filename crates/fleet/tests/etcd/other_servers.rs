//! Servers that are not etcd, or do not answer as etcd does.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fleet::{Store, StoreError};
use testkit::Etcd;

use super::support::{at, run, text, write};

/// Reads a request; returns its path.
fn request(connection: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        connection.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    connection.read_exact(&mut vec![0; length?.parse().unwrap()]).ok()?;
    head.split(' ').nth(1).map(str::to_owned)
}

/// A server on loopback that answers each request, given its path.
fn server(serve: impl Fn(&mut TcpStream, String) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || {
                let mut connection = connection;
                while let Some(path) = request(&mut connection) {
                    serve(&mut connection, path);
                }
            });
        }
    });
    address
}

fn answer(connection: &mut TcpStream, body: &str) {
    let length = body.len();
    let _ = write!(connection, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
}

const RANGE: &str = r#"{"header":{"cluster_id":"7","member_id":"1","revision":"5"}}"#;

#[test]
fn another_server_is_recognised_and_the_next_endpoint_used() {
    let cluster = Etcd::start(1);
    for body in ["{}", "<html>", "[]", r#"{"header":{"cluster_id":"x"}}"#] {
        let other = server(move |connection, _| answer(connection, body));
        run(async {
            let store = fleet::Etcd::new(&at(vec![other.clone()]), 0);
            let error = store.get("/a/a").await.unwrap_err();
            assert!(matches!(error, StoreError::NotEtcd { .. }), "{body}: {error}");
            let error = write(&store, "/a/a", b"").await.unwrap_err();
            assert!(matches!(error, StoreError::NotEtcd { .. }), "{body}: {error}");
            let both = [vec![other], cluster.endpoints()].concat();
            let store = fleet::Etcd::new(&at(both), 0);
            write(&store, "/a/a", b"1").await.unwrap();
            assert_eq!(text(&store, "/a/a").await.as_deref(), Some("1"));
        });
    }
    let other = server(|connection, _| {
        let _ = connection.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone");
    });
    let ssh = server(|connection, _| {
        let _ = connection.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
    });
    run(async {
        for endpoint in [other, ssh] {
            let store = fleet::Etcd::new(&at(vec![endpoint]), 0);
            let error = store.get("/a/a").await.unwrap_err();
            assert!(matches!(error, StoreError::NotEtcd { .. }), "{error}");
        }
    });
}

#[test]
fn a_silent_server_costs_three_seconds() {
    let silent = server(|connection, _| {
        let _ = connection.read_to_end(&mut Vec::new());
    });
    run(async {
        let store = fleet::Etcd::new(&at(vec![silent]), 0);
        let begin = Instant::now();
        let error = store.get("/a/a").await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    });
}

#[test]
fn a_member_that_has_a_new_leader_is_asked_again_beside_a_frozen_one() {
    // The frozen member is asked first, or last.
    for (first, election) in [(0, 2200), (1, 1300)] {
        let frozen = server(|connection, _| {
            let _ = connection.read_to_end(&mut Vec::new());
        });
        let asked = Arc::new(AtomicUsize::new(0));
        let changing = server(move |connection, _| {
            if asked.fetch_add(1, Ordering::SeqCst) > 0 {
                return answer(connection, RANGE);
            }
            // A read waits for the election, and fails when it ends.
            thread::sleep(Duration::from_millis(election));
            let body = r#"{"error":"etcdserver: leader changed","code":14}"#;
            let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-length";
            let _ = write!(connection, "{head}: {}\r\n\r\n{body}", body.len());
        });
        run(async {
            let store = fleet::Etcd::new(&at(vec![frozen, changing]), first);
            assert_eq!(store.get("/a/a").await.unwrap().revision, 5, "from {first} on");
        });
    }
}

#[test]
fn an_endless_answer_is_cut() {
    let cluster = Etcd::start(1);
    let endless = server(|connection, _| {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut sent = connection.write_all(head);
        let mebibyte = [b"100000\r\n".to_vec(), vec![b' '; 1 << 20], b"\r\n".to_vec()].concat();
        while sent.is_ok() {
            sent = connection.write_all(&mebibyte);
        }
    });
    run(async {
        let store = fleet::Etcd::new(&at(vec![endless.clone()]), 0);
        let error = store.get("/a/a").await.unwrap_err();
        assert!(matches!(error, StoreError::TooLong { .. }), "{error}");
        let both = [vec![endless], cluster.endpoints()].concat();
        let store = fleet::Etcd::new(&at(both), 0);
        write(&store, "/a/a", b"1").await.unwrap();
    });
}

#[test]
fn a_transaction_without_an_answer_is_not_repeated() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let serve = move |connection: &mut TcpStream, path: String| {
        // Reads are answered; a transaction ends the connection.
        if path == "/v3/kv/range" {
            return answer(connection, RANGE);
        }
        counter.fetch_add(1, Ordering::SeqCst);
        let _ = connection.shutdown(Shutdown::Both);
    };
    let endpoints = vec![server(serve.clone()), server(serve)];
    run(async {
        let store = fleet::Etcd::new(&at(endpoints.clone()), 0);
        let error = write(&store, "/a/a", b"1").await.unwrap_err();
        let StoreError::Unknown { endpoint, .. } = &error else { panic!("{error}") };
        assert_eq!((endpoint, sent.load(Ordering::SeqCst)), (&endpoints[0], 1), "{error}");
    });
}
