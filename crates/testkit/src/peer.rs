//! One side of a connection that plays a script in its own thread.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use socket2::Socket;

use crate::addr::{Addr, Connected, Listener, Place, connect_with};
use crate::player::play;
use crate::script::Script;
use crate::transcript::{Failure, Transcript};
use crate::wire::End;

/// A running peer. Dropping it ends its script at once.
#[derive(Debug)]
pub struct Peer {
    addr: Option<Addr>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Transcript>>,
}

impl Peer {
    /// Connects to `addr` and plays `script` as a client.
    pub fn connect(name: &str, addr: impl Into<Addr>, script: Script) -> Self {
        Self::client(name, None, addr.into(), script)
    }

    /// Connects from this address of the host to `addr` and plays `script` as a client.
    pub fn connect_from(name: &str, source: IpAddr, addr: SocketAddr, script: Script) -> Self {
        Self::client(name, Some(source), addr.into(), script)
    }

    fn client(name: &str, source: Option<IpAddr>, addr: Addr, script: Script) -> Self {
        Self::start(name, script, Some(addr.clone()), move |script, _| {
            let socket = connect_with(source, &addr, script.buffers, script.limit);
            socket.map_err(|error| (format!("connect to {addr}"), error.into()))
        })
    }

    /// Accepts one connection at `place` and plays `script` on it as a target.
    pub fn listen(name: &str, place: Place, script: Script) -> Self {
        let listener = Listener::bind_with(place, script.buffers, 1);
        let addr = listener.addr().clone();
        Self::start(name, script, Some(addr.clone()), move |script, stop| {
            let socket = listener.accept_within(script.limit, stop);
            socket.map(Connected::from).map_err(|end| (format!("accept on {addr}"), end))
        })
    }

    /// Plays `script` on a connection that exists; its buffer sizes do not count.
    pub fn play(name: &str, socket: impl Into<Socket>, script: Script) -> Self {
        let socket: Socket = socket.into();
        Self::start(name, script, None, move |_, _| Ok(socket.into()))
    }

    /// Where it listens or has connected to.
    ///
    /// # Panics
    ///
    /// For a peer on a connection that existed before.
    pub fn addr(&self) -> &Addr {
        self.addr.as_ref().expect("this peer was given a connected socket")
    }

    /// The transcript of a script that succeeded.
    ///
    /// # Panics
    ///
    /// With peer and step, if the script failed.
    #[track_caller]
    pub fn finish(self) -> Transcript {
        let transcript = self.outcome();
        if let Some(failure) = &transcript.failure {
            let Transcript { peer, sent, received, .. } = &transcript;
            panic!("{peer}: {failure} ({sent} bytes sent, {received} received)");
        }
        transcript
    }

    /// The transcript, whether the script succeeded or not.
    pub fn outcome(mut self) -> Transcript {
        self.join()
    }

    fn start<Open>(name: &str, script: Script, addr: Option<Addr>, open: Open) -> Self
    where
        Open: FnOnce(&Script, &AtomicBool) -> Result<Connected, (String, End)> + Send + 'static,
    {
        let stop = Arc::new(AtomicBool::new(false));
        let (name, stopped) = (name.to_owned(), Arc::clone(&stop));
        let thread = thread::spawn(move || match open(&script, &stopped) {
            Ok(socket) => play(&name, socket, &script, &stopped),
            Err((what, end)) => Transcript {
                peer: name,
                read_end: Some(end),
                failure: Some(Failure { step: what, why: end.to_string() }),
                ..Transcript::default()
            },
        });
        Self { addr, stop, thread: Some(thread) }
    }

    fn join(&mut self) -> Transcript {
        let thread = self.thread.take().expect("a peer is joined once");
        thread.join().expect("a script never panics")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.is_some() {
            self.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::gate::Gate;
    use crate::wait::{LIMIT, wait_until};

    const SHORT: Duration = Duration::from_millis(100);

    fn pair(client: Script, target: Script) -> (Transcript, Transcript) {
        let target = Peer::listen("target", Place::V4, target);
        let client = Peer::connect("client", target.addr(), client);
        (client.outcome(), target.outcome())
    }

    #[track_caller]
    fn both_succeed(client: Script, target: Script) -> (Transcript, Transcript) {
        let (client, target) = pair(client, target);
        assert_eq!((&client.failure, &target.failure), (&None, &None));
        (client, target)
    }

    #[test]
    fn half_close_leaves_the_other_direction_open() {
        let (client, target) = both_succeed(
            Script::new().sending(1).expecting(2).write(300_000).shutdown_write().read_to_end(),
            Script::new().sending(2).expecting(1).read_to_end().write(200_000),
        );
        assert_eq!((client.sent, client.received), (300_000, 200_000));
        assert_eq!((target.read_end, client.read_end), (Some(End::Eof), Some(End::Eof)));
    }

    #[test]
    fn a_reset_is_told_from_a_fin() {
        both_succeed(Script::new().reset(), Script::new().expect_reset());
        both_succeed(Script::new().close(), Script::new().expect_eof());
        let (_, target) = both_succeed(
            Script::new().write(5000).reset(),
            Script::new().expecting(0).read_to_reset(),
        );
        assert_eq!(target.received, 5000, "bytes before the reset arrive");
    }

    #[test]
    fn bytes_before_a_reset_arrive_although_connecting_has_reported_it() {
        let listener = Listener::bind(Place::V4);
        let socket = crate::connect(listener.addr()).unwrap();
        Peer::play("target", listener.accept(), Script::new().write(5000).reset()).finish();
        wait_until("the RST", LIMIT, || socket.take_error().unwrap().is_some());
        let connected = Connected { socket, reset: true };
        let script = Script::new().expecting(0).read_to_reset();
        let client = play("client", connected, &script, &AtomicBool::new(false));
        assert_eq!((client.failure, client.received), (None, 5000));
    }

    #[test]
    fn closing_with_unread_bytes_resets() {
        let unread = Gate::new();
        both_succeed(
            Script::new().write(10).signal(&unread).read_to_reset(),
            Script::new().stall(&unread).pause(SHORT).close(),
        );
    }

    #[test]
    fn a_write_against_a_reset_can_be_survived() {
        let gone = Gate::new();
        let (client, _) = both_succeed(
            Script::new().stall(&gone).pause(SHORT).try_write(1).try_write(1),
            Script::new().reset().signal(&gone),
        );
        assert_eq!(client.write_end, Some(End::BrokenPipe));
    }

    #[test]
    fn a_stalled_reader_stops_the_writer() {
        let gate = Gate::new();
        let small = Script::new().receive_buffer(4096).stall(&gate).read_to_end();
        let target = Peer::listen("target", Place::V4, small);
        let writer = Script::new().send_buffer(4096).limit(SHORT).write(100_000_000);
        let client = Peer::connect("client", target.addr(), writer).outcome();
        assert_eq!(client.write_end, Some(End::Timeout));
        assert!(client.sent < 1_000_000, "{} bytes went out", client.sent);
        gate.open();
        assert_eq!(target.finish().received, client.sent);
    }

    #[test]
    fn a_slow_reader_gets_everything() {
        let pause = Duration::from_millis(1);
        both_succeed(
            Script::new().write(10_000),
            Script::new().expecting(0).read_slowly(10, 20, pause).read_exactly(9800).expect_eof(),
        );
    }

    #[test]
    fn an_urgent_byte_leaves_the_stream() {
        let script = Script::new().write_bytes("ab").urgent_byte(b'!').write_bytes("cd");
        let (_, target) = both_succeed(script, Script::new().read_to_end());
        assert_eq!(target.bytes, b"abcd", "no SO_OOBINLINE here");
    }

    #[test]
    fn a_failure_names_step_and_cause() {
        let end = Gate::new();
        let script = Script::new().write(1).limit(SHORT).read_exactly(1);
        let (client, _) = pair(script, Script::new().limit(SHORT * 3).stall(&end));
        let failure = client.failure.unwrap().to_string();
        assert_eq!(failure, "step 2 of 2, ReadExactly(1): timeout");
        let wrong = Script::new().expecting(1).read_to_end();
        let (client, _) = pair(wrong, Script::new().sending(2).write(1));
        assert!(client.failure.unwrap().why.starts_with("byte 0 is"));
        let (client, _) = pair(Script::new().expect_eof(), Script::new().write(3));
        assert_eq!(client.failure.unwrap().why, "3 bytes came");
    }

    #[test]
    #[should_panic(expected = "client: connect to")]
    fn nobody_listening_fails_at_connect() {
        let port = crate::Port::v4();
        Peer::connect("client", &port, Script::new()).finish();
    }

    #[test]
    fn silence_is_a_thing_to_expect() {
        both_succeed(
            Script::new().expect_silence(SHORT).write(1).read_to_end(),
            Script::new().read_exactly(1),
        );
    }

    #[test]
    fn dropping_a_peer_ends_it_at_once() {
        let start = Instant::now();
        drop(Peer::listen("nobody comes", Place::V4, Script::new().read_to_end()));
        let waiting = Peer::listen("waits", Place::Unix, Script::new().stall(&Gate::new()));
        let client = Peer::connect("reads", waiting.addr(), Script::new().read_to_end());
        drop((waiting, client));
        assert!(start.elapsed() < Duration::from_secs(2));
    }
}
