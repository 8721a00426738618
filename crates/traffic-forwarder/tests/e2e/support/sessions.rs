//! Sessions, and operations on the sockets at their ends.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use testkit::{
    Addr, LIMIT, Listener, Peer, Place, Script, Socket, Source, Stream, Transcript, connect,
    wait_until,
};

use super::{Config, Forward, QUIET};

/// One session, with both of its outer sockets in the test's hands.
pub(crate) struct Session {
    pub(crate) forward: Forward,
    pub(crate) client: Socket,
    pub(crate) target: Socket,
}

impl Session {
    #[track_caller]
    pub(crate) fn open(settings: impl Display) -> Self {
        Self::open_with(Config::new(), settings)
    }

    #[track_caller]
    pub(crate) fn open_with(config: Config, settings: impl Display) -> Self {
        let listener = Listener::bind(Place::V4);
        let forward = Forward::start_with(config, listener.addr(), settings);
        let client = forward.connect();
        let target = listener.accept();
        // A byte each way proves that the worker has established the session.
        play(&client, Script::new().write_bytes("?"));
        play(&target, Script::new().read_exactly(1).write_bytes("!"));
        play(&client, Script::new().read_exactly(1));
        Self { forward, client, target }
    }
}

/// Bytes that [`Session::open`] sends each way.
pub(crate) const OPENING: u64 = 1;

/// Plays a script on a socket and leaves the socket open.
#[track_caller]
pub(crate) fn play(socket: &Socket, script: Script) -> Transcript {
    Peer::play("a socket", socket.try_clone().unwrap(), script).finish()
}

/// Closes the socket with an RST.
pub(crate) fn reset(socket: Socket) {
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
}

/// Closes a Unix listener, and waits until connecting to it is refused: a child that another test is
/// just starting may hold a copy of the listener for a moment.
#[track_caller]
pub(crate) fn close_listener(listener: UnixListener) {
    let address = listener.local_addr().unwrap();
    drop(listener);
    wait_until("the listener to close", LIMIT, || UnixStream::connect_addr(&address).is_err());
}

/// Exchanges a byte with an echo: proof that the session is served.
#[track_caller]
pub(crate) fn ping(socket: &Socket) {
    play(socket, Script::new().write_bytes("."));
    assert_eq!(play(socket, Script::new().read_exactly(1)).bytes, b".");
}

/// A client of an echo, with an established session.
#[track_caller]
pub(crate) fn served_client(addr: impl Into<Addr>) -> Socket {
    let client = connect(addr).unwrap();
    ping(&client);
    client
}

/// Writes the stream of `seed` until every buffer on the way is full, and returns the number of
/// bytes.
pub(crate) fn write_until_full(socket: &Socket, seed: u64) -> u64 {
    let mut source = Source::new(Stream::new(seed));
    let mut chunk = vec![0; 64 * 1024];
    socket.set_write_timeout(Some(QUIET)).unwrap();
    loop {
        source.peek(&mut chunk);
        match (&*socket).write(&chunk) {
            Ok(n) => source.advance(n),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return source.offset(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("writing until all buffers are full: {error}"),
        }
    }
}

/// A client that has sent a byte and waits for its echo.
pub(crate) fn asking_client(addr: impl Into<Addr>) -> Socket {
    let client = connect(addr).unwrap();
    play(&client, Script::new().write_bytes("."));
    client
}

/// Checks that an [`asking_client`] gets its echo.
#[track_caller]
pub(crate) fn is_answered(client: &Socket) {
    assert_eq!(play(client, Script::new().read_exactly(1)).bytes, b".");
}

/// Checks that an [`asking_client`] gets neither an answer nor an end.
#[track_caller]
pub(crate) fn is_waiting(client: &Socket) {
    play(client, Script::new().expect_silence(QUIET));
}
