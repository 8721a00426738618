//! Both ends of a session against each other, and with a connection between them that is not faithful.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use rustix::fd::AsFd;

use super::session::{MESSAGE_BITS, Moved, Session, Standing};
use super::stream::{HELLO, Hello};
use super::target;
use crate::fleet::ledger::{Begun, Ledger};
use crate::fleet::texts::Texts;
use crate::random::Random;

const TEXTS: Texts = Texts { forwards: 20 };
/// Bytes of the target's answer before its stream.
const ADDRESS: usize = 4;

/// The fault of a connection.
#[derive(Clone, Copy)]
enum Fault {
    None,
    FlipUp(usize),
    FlipDown(usize),
    /// Ends both ways after this many bytes to the client.
    Cut(usize),
}

/// Plays a short session of forward 0 with a target at `address`. Returns its end, and the ledger of the target.
fn play(address: Ipv4Addr, fault: Fault) -> (Result<Standing, String>, Arc<Ledger>) {
    let ledger = Arc::new(Ledger::new(1));
    let listener = target::listen(0).unwrap();
    let port = sys::listen::local_address(&listener).unwrap().unwrap().port();
    let shared = Arc::clone(&ledger);
    let serving = thread::spawn(move || target::serve(listener, &shared));
    let target = SocketAddr::from((address, port));
    let between = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(between.local_addr().unwrap()).unwrap();
    let relay = thread::spawn(move || relay(&between.accept().unwrap().0, target, fault));
    client.set_nonblocking(true).unwrap();
    let begun = Begun { instance: 0, era: 0 };
    let is_long_enough = |seed: &u64| Random::new(*seed).size(MESSAGE_BITS) > 100;
    let seed = (0..1000).find(is_long_enough).unwrap();
    let mut session = Session::new(Hello { seed, begun }, 0, false);
    let end = loop {
        match session.step(client.as_fd(), TEXTS, &mut Moved::default()) {
            Ok(Standing::Waits) => thread::sleep(Duration::from_millis(1)),
            end => break end,
        }
    };
    drop(client);
    relay.join().unwrap();
    ledger.targets_end.store(true, Ordering::SeqCst);
    serving.join().unwrap().unwrap();
    (end, ledger)
}

/// Connects a client with a target.
fn relay(client: &TcpStream, target: SocketAddr, fault: Fault) {
    let server = TcpStream::connect(target).unwrap();
    let (up, down, cut) = match fault {
        Fault::None => (None, None, None),
        Fault::FlipUp(at) => (Some(HELLO + at), None, None),
        Fault::FlipDown(at) => (None, Some(ADDRESS + at), None),
        Fault::Cut(at) => (None, None, Some(ADDRESS + at)),
    };
    thread::scope(|scope| {
        scope.spawn(|| copy(client, &server, up, None));
        copy(&server, client, down, cut);
    });
}

fn copy(mut from: &TcpStream, mut to: &TcpStream, flip: Option<usize>, cut: Option<usize>) {
    let (mut byte, mut at) = ([0], 0);
    while Some(at) != cut && matches!(from.read(&mut byte), Ok(1)) {
        if Some(at) == flip {
            byte[0] ^= 1;
        }
        at += 1;
        if to.write_all(&byte).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    if cut.is_some() {
        let _ = from.shutdown(Shutdown::Both);
    }
}

fn right() -> Ipv4Addr {
    TEXTS.target(0, 1)
}

#[test]
fn a_faithful_connection_is_complete() {
    let (end, ledger) = play(right(), Fault::None);
    assert_eq!(end, Ok(Standing::Complete));
    ledger.verdict().unwrap();
    assert!(ledger.counts().bytes > 100);
}

#[test]
fn the_target_finds_a_flipped_byte() {
    let (end, ledger) = play(right(), Fault::FlipUp(50));
    assert!(end.is_err());
    let error = ledger.verdict().unwrap_err().to_string();
    assert!(error.contains("target of edge-1: at byte 50: "), "{error}");
}

#[test]
fn the_client_finds_a_flipped_byte() {
    let (end, _) = play(right(), Fault::FlipDown(60));
    let error = end.unwrap_err();
    assert!(error.contains("at byte 60: "), "{error}");
}

#[test]
fn an_end_before_the_last_byte_is_found() {
    let error = play(right(), Fault::Cut(70)).0.unwrap_err();
    assert!(error.contains("an early end") && error.contains("70 received"), "{error}");
}

#[test]
fn the_target_of_another_forward_is_found() {
    let error = play(TEXTS.target(1, 1), Fault::None).0.unwrap_err();
    assert!(error.contains("served by the target of another forward, 127.100.0.2"), "{error}");
}
