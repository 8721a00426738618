//! A forwarder under a counting tool, with one forward, and the sockets on both sides.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use testkit::{
    Forwarder, LIMIT, Listener, Place, Port, Ports, Signal, Socket, connect, uninterrupted,
    wait_until,
};

use crate::histories::History;
use crate::release;

/// Size of a small message in bytes.
const MESSAGE: usize = 64;
/// Size of a burst in bytes.
const BURST: usize = 512 * 1024;

/// Command line of a counting tool, which writes [`OUTPUT`]; the program follows.
pub(crate) type Wrapper = Vec<OsString>;

/// Output file of a tool, in the forwarder's directory.
pub(crate) const OUTPUT: &str = "counted.txt";

/// Plays a history of `rounds` rounds, and returns the tool's output.
#[track_caller]
pub(crate) fn play(wrapper: &Wrapper, history: &History, rounds: u32) -> String {
    let stage = Stage::open(wrapper, history);
    let open = (history.play)(&stage, rounds);
    // Work after the last byte belongs to the history, too.
    stage.rest();
    let output = stage.end();
    drop(open);
    output
}

/// A forwarder and its target, for one run of a history.
pub(crate) struct Stage {
    forwarder: Forwarder,
    port: Port,
    listener: Listener,
    /// Keeps the listener's port reserved.
    _ports: Ports,
}

impl Stage {
    fn open(wrapper: &Wrapper, history: &History) -> Self {
        // Not an ephemeral port: with one, the forwarder checks whether a loopback target is its
        // own socket.
        let ports = Ports::range(1);
        let tcp = Place::At(ports.as_slice()[0].addr());
        let listener = Listener::bind(if history.unix_target { Place::Unix } else { tcp });
        let port = Port::v4();
        let config = format!(
            "[process]\nworkers = 1\nshutdown_timeout = '0s'\n[log]\nsessions = {}\n\
             [[forward]]\nlisten = '{}'\nto = '{}'\n{}",
            history.records,
            port.addr(),
            listener.addr(),
            history.settings
        );
        let [tool, arguments @ ..] = wrapper.as_slice() else { panic!("an empty command line") };
        let forwarder =
            Forwarder::binary(tool).args(arguments).arg(release::binary()).config(config).start();
        forwarder.ready();
        Self { forwarder, port, listener, _ports: ports }
    }

    /// Opens a session and waits for the target's connection. The forwarder is idle then, so that
    /// events arrive in a fixed grouping.
    pub(crate) fn session(&self) -> Session {
        let client = connect(&self.port).expect("the forwarder accepts");
        let session = Session::new(client, self.listener.accept());
        self.rest();
        session
    }

    /// Opens a session with an immediate message, and waits until the target has received it.
    pub(crate) fn session_with_message(&self) -> Session {
        let client = connect(&self.port).expect("the forwarder accepts");
        send(&client);
        let session = Session::new(client, self.listener.accept());
        receive(&session.target);
        session
    }

    /// Waits until the forwarder is idle.
    pub(crate) fn rest(&self) {
        wait_until("a forwarder at rest", LIMIT, || self.forwarder.is_asleep());
    }

    /// Stops the forwarder in order: the tools write their output at its exit.
    #[track_caller]
    fn end(self) -> String {
        self.forwarder.signal(Signal::TERM);
        let status = self.forwarder.wait_exit(LIMIT);
        assert!(status.success(), "the forwarder ended with {status}");
        let path = self.forwarder.dir().join(OUTPUT);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{OUTPUT}: {error}"))
    }
}

/// Client and target sockets of a session.
pub(crate) struct Session {
    pub(crate) client: Socket,
    pub(crate) target: Socket,
}

impl Session {
    fn new(client: Socket, target: Socket) -> Self {
        for socket in [&client, &target] {
            socket.set_read_timeout(Some(LIMIT)).expect("LIMIT is a valid timeout");
            // Unix sockets have no such option and never delay small writes.
            let _ = socket.set_tcp_nodelay(true);
        }
        Self { client, target }
    }

    /// One message up, then one down.
    pub(crate) fn exchange(&self) {
        for (from, to) in [(&self.client, &self.target), (&self.target, &self.client)] {
            send(from);
            receive(to);
        }
    }

    /// Sends a burst down, and reads all of it at the client.
    pub(crate) fn burst_down(&self) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (&self.target).write_all(&vec![b'.'; BURST]).expect("the session is open");
            });
            (&self.client).read_exact(&mut vec![0; BURST]).expect("a whole burst");
        });
    }

    /// Sends a FIN up, then one down.
    pub(crate) fn end(self) {
        for (from, to) in [(&self.client, &self.target), (&self.target, &self.client)] {
            from.shutdown(Shutdown::Write).expect("the session is open");
            let read = uninterrupted(|| { to }.read(&mut [0])).expect("a FIN");
            assert_eq!(read, 0, "a FIN, and no byte before it");
        }
    }

    pub(crate) fn into_sockets(self) -> [Socket; 2] {
        [self.client, self.target]
    }
}

/// Sends one small message.
pub(crate) fn send(mut socket: &Socket) {
    socket.write_all(&[b'.'; MESSAGE]).expect("the session is open");
}

/// Receives one small message.
pub(crate) fn receive(mut socket: &Socket) {
    socket.read_exact(&mut [0; MESSAGE]).expect("a whole message");
}

/// Lets time pass: the idle time is the history, no wait for a state.
pub(crate) fn idle(seconds: u32) {
    std::thread::sleep(Duration::from_secs(seconds.into()));
}
