//! Clients of the admin interface: the process's own user, and on a port every local user.

use std::io::{Read as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Behaviour, Http, LIMIT, Socket, connect, connect_and_close, wait_until};

use super::{Abused, MIB, QUEUEING, QUEUEING_FILES};
use crate::support::Config;

/// Concurrently served connections, plus a margin for those about to close.
const CONNECTIONS: usize = 64 + 8;
/// Request buffers of all connections.
const BUFFERS: u64 = CONNECTIONS as u64 * 64 * 1024;
const CROWD: usize = 300;

fn abused() -> Abused {
    Abused::start(Config::new(), Behaviour::Echo, QUEUEING)
}

fn connected(abused: &Abused) -> Socket {
    let socket = connect(abused.operated.socket()).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.set_write_timeout(Some(LIMIT)).unwrap();
    socket
}

/// The response; empty if the connection is cut.
fn answer(mut socket: Socket) -> String {
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn silent_connections_are_bounded_and_released() {
    let abused = abused();
    let mut crowd = Vec::new();
    abused.beside("silent connections", CONNECTIONS, BUFFERS, || {
        if crowd.is_empty() {
            crowd = (0..CROWD).map(|_| connected(&abused)).collect();
        }
    });
    drop(crowd);
    abused.assert_released();
}

/// With a content length or in chunks: the body is never read into memory.
#[test]
fn huge_bodies_are_refused_or_cut() {
    let abused = abused();
    let piece = vec![b'x'; 64 * 1024];
    abused.beside("huge bodies", CONNECTIONS, BUFFERS, || {
        let mut announced = connected(&abused);
        let head = "POST /v1/reload?dry_run=true HTTP/1.1\r\nHost: localhost\r\n";
        announced
            .write_all(format!("{head}Content-Length: 1000000000\r\n\r\n").as_bytes())
            .unwrap();
        // The connection may be cut mid-write.
        let _ = announced.write_all(&piece);
        assert!(answer(announced).starts_with("HTTP/1.1 413"));
        let mut pieces = connected(&abused);
        let head = format!("{head}Transfer-Encoding: chunked\r\n\r\n10000\r\n");
        pieces.write_all(head.as_bytes()).unwrap();
        let sent = (0..1000).take_while(|_| pieces.write_all(&piece).is_ok()).count();
        assert!(sent < 1000, "a body of {sent} pieces was taken");
    });
    abused.assert_released();
}

/// Each connection sends one byte of its request head now and then, so none is ever idle for long.
#[test]
fn slow_request_heads_are_cut_and_the_next_client_is_served() {
    // More than the concurrency limit: the rest waits in the accept queue, and the next client
    // behind it.
    const DRIPPING: usize = CONNECTIONS + 8;
    const SERVED: usize = 64;
    // A request head may take ten seconds.
    const READ_TIMEOUT: Duration = Duration::from_secs(30);
    let abused = abused();
    let began = Instant::now();
    let mut dripping: Vec<_> = (0..DRIPPING).map(|_| connected(&abused)).collect();
    for socket in &mut dripping {
        socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").unwrap();
    }
    let mut next = connected(&abused);
    next.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
    next.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    abused.beside_until("dripping heads", CONNECTIONS, BUFFERS, || {
        thread::sleep(Duration::from_millis(50));
        dripping.retain_mut(|socket| socket.write_all(b"x").is_ok());
        assert!(began.elapsed() < READ_TIMEOUT, "{} heads still drip", dripping.len());
        dripping.len() <= DRIPPING - SERVED
    });
    assert!(answer(next).starts_with("HTTP/1.0 200"));
    abused.assert_released();
}

/// The announced body never arrives: the endpoint needs none, and responds.
#[test]
fn a_missing_body_holds_no_memory() {
    let abused = abused();
    let mut slow = Vec::new();
    abused.beside("slow bodies", CONNECTIONS, BUFFERS, || {
        if slow.len() < CROWD {
            let mut socket = connected(&abused);
            let head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx";
            socket.write_all(head.as_bytes()).unwrap();
            slow.push(socket);
        }
    });
    let mut answers = slow.into_iter().map(|mut socket| {
        let mut start = [0; 12];
        socket.read_exact(&mut start).map(|()| start)
    });
    assert!(answers.all(|start| start.is_ok_and(|start| start == *b"HTTP/1.1 200")));
    abused.assert_released();
}

/// Sessions come and go while the subscribers read nothing.
#[test]
fn stalled_subscribers_miss_events_and_hold_a_bounded_number() {
    const WATCHERS: usize = 16;
    const SESSIONS: usize = 6_000;
    // One shared queue holds the events that subscribers have yet to read.
    const EVENTS: u64 = 8 * MIB;
    let abused = abused();
    let watch = |_| {
        let mut socket = connected(&abused);
        socket.write_all(b"GET /v1/events HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        socket
    };
    let watchers: Vec<_> = (0..WATCHERS).map(watch).collect();
    let mut sessions = 0;
    abused.beside_until("watchers", CONNECTIONS + QUEUEING_FILES, EVENTS + BUFFERS, || {
        for _ in 0..100 {
            connect_and_close(&abused.port);
        }
        sessions += 100;
        // Records may come late, or be lost; a watcher that is read while they come may keep up.
        sessions >= SESSIONS && abused.operated.records().len() >= SESSIONS
    });
    // With a `lagged` event or, after 30 seconds of a full send buffer, without one.
    let ends = |mut watcher: Socket| watcher.read_to_end(&mut Vec::new()).is_ok();
    assert!(watchers.into_iter().all(ends), "a watcher that is too slow is let go");
    abused.assert_released();
    wait_until("no watcher", LIMIT, || abused.operated.fd_count() <= abused.files + 32);
}

/// Long unread responses on as many connections as are served concurrently.
#[test]
fn unread_answers_share_a_bounded_memory() {
    const FORWARDS: usize = 3000;
    const READERS: usize = 63;
    const PATHS: [&str; 3] = ["/v1/forwards", "/metrics", "/v1/forwards?sort=name"];
    // The budget of all responses, and the memory to render one.
    const ANSWERS: u64 = 8 * MIB + 24 * MIB;
    // Requests wait for ten seconds, then get an error that explains why.
    const REFUSED_BY: Duration = Duration::from_secs(12);
    const TO_THE_END: &str = "Host: localhost\r\nConnection: close\r\n\r\n";
    let dir = tempfile::TempDir::new().unwrap();
    let config = (0..FORWARDS).fold(Config::new(), |config, nth| {
        let path = format!("unix:{}/{nth}", dir.path().display());
        config.forward(path, "127.0.0.1:9", format!("name = 'forward-{nth}'"))
    });
    let abused = Abused::start(config, Behaviour::Echo, QUEUEING);
    let began = Instant::now();
    let mut readers = Vec::new();
    abused.beside_until("unread answers", CONNECTIONS, ANSWERS + BUFFERS, || {
        if readers.is_empty() {
            readers.extend((0..READERS).map(|nth| {
                let mut socket = connected(&abused);
                let head = format!("GET {} HTTP/1.1\r\n{TO_THE_END}", PATHS[nth % PATHS.len()]);
                socket.write_all(head.as_bytes()).unwrap();
                socket
            }));
        }
        // Short requests are still served.
        let mut short = connected(&abused);
        short.write_all(b"GET /v1/status HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        assert!(answer(short).starts_with("HTTP/1.0 200"));
        began.elapsed() > REFUSED_BY
    });
    // All at the same time: a connection with an unread response is cut.
    let readers = readers.into_iter().map(|socket| thread::spawn(move || answer(socket)));
    let readers: Vec<_> = readers.collect();
    let answers: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
    let with = |status: &str| answers.iter().filter(|text| text.starts_with(status)).count();
    let (given, refused) = (with("HTTP/1.1 200"), with("HTTP/1.1 503"));
    assert!(given > 0 && refused > 0, "{given} given, {refused} refused");
    assert_eq!(given + refused, READERS, "each question has an answer");
    let is_whole = |text: &&String| text.ends_with("\r\n0\r\n\r\n");
    let whole = answers.iter().filter(is_whole).count();
    assert_eq!(whole, given, "each list and each page of metrics is whole");
    assert!(answers.iter().any(|text| text.contains("all of them together take 8 MiB at most")));
    // With the unread responses gone, the whole list is served.
    let all = Http::new(abused.operated.socket()).json("/v1/forwards");
    assert_eq!(all["forwards"].as_array().unwrap().len(), FORWARDS + 2);
    abused.assert_released();
}
