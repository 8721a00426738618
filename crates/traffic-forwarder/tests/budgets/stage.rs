//! A forwarder under a tool that counts, with one forward, and the sockets on either side of it.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use testkit::{
    Forwarder, LIMIT, Listener, Place, Port, Ports, Signal, Socket, connect, wait_until,
};

use crate::histories::History;
use crate::release;

/// Bytes of a small message.
const MESSAGE: usize = 64;
/// Bytes of a burst.
const BURST: usize = 512 * 1024;

/// A tool, with arguments that make it write [`OUTPUT`] about the program behind them.
pub(crate) type Wrapper = Vec<OsString>;

/// The file that a tool writes, in the forwarder's own directory.
pub(crate) const OUTPUT: &str = "counted.txt";

/// Plays a history with so many rounds, and returns what the tool wrote.
#[track_caller]
pub(crate) fn play(wrapper: &Wrapper, history: &History, rounds: u32) -> String {
    let stage = Stage::open(wrapper, history);
    let open = (history.play)(&stage, rounds);
    // What it does about the last byte belongs to the history, too.
    stage.rest();
    let output = stage.end();
    drop(open);
    output
}

/// Where histories are played.
pub(crate) struct Stage {
    forwarder: Forwarder,
    port: Port,
    listener: Listener,
    /// Keeps the listener's port reserved.
    _ports: Ports,
}

impl Stage {
    fn open(wrapper: &Wrapper, history: &History) -> Self {
        // Not an ephemeral port: for one of those, a target on loopback is asked whether it is the
        // forwarder's own socket.
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
        let [tool, arguments @ ..] = wrapper.as_slice() else { panic!("a tool has a name") };
        let forwarder =
            Forwarder::binary(tool).args(arguments).arg(release::binary()).config(config).start();
        forwarder.ready();
        Self { forwarder, port, listener, _ports: ports }
    }

    /// A session whose target has been connected. The forwarder has nothing left to do then: which
    /// events come together is not left to chance.
    pub(crate) fn session(&self) -> Session {
        let client = connect(&self.port).expect("the forwarder accepts");
        let session = Session::new(client, self.listener.accept());
        self.rest();
        session
    }

    /// A session whose client sends a message at once, and whose target has got it.
    pub(crate) fn session_with_message(&self) -> Session {
        let client = connect(&self.port).expect("the forwarder accepts");
        send(&client);
        let session = Session::new(client, self.listener.accept());
        receive(&session.target);
        session
    }

    /// Waits until the forwarder has done all that there is to do.
    pub(crate) fn rest(&self) {
        wait_until("a forwarder at rest", LIMIT, || self.forwarder.is_asleep());
    }

    /// Ends the forwarder in order: only then the tools write all they know.
    #[track_caller]
    fn end(self) -> String {
        self.forwarder.signal(Signal::TERM);
        let status = self.forwarder.wait_exit(LIMIT);
        assert!(status.success(), "the forwarder ended with {status}");
        let path = self.forwarder.dir().join(OUTPUT);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{OUTPUT}: {error}"))
    }
}

/// Both outer sockets of a session.
pub(crate) struct Session {
    pub(crate) client: Socket,
    pub(crate) target: Socket,
}

impl Session {
    fn new(client: Socket, target: Socket) -> Self {
        for socket in [&client, &target] {
            socket.set_read_timeout(Some(LIMIT)).expect("LIMIT is a valid timeout");
            // A Unix socket has no such option, and never waits for more bytes.
            let _ = socket.set_tcp_nodelay(true);
        }
        Self { client, target }
    }

    /// A message up and one down: two lane steps, one after the other.
    pub(crate) fn exchange(&self) {
        for (from, to) in [(&self.client, &self.target), (&self.target, &self.client)] {
            send(from);
            receive(to);
        }
    }

    /// Several buffers full of bytes down, until the client has read the last one.
    pub(crate) fn burst_down(&self) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (&self.target).write_all(&vec![b'.'; BURST]).expect("the session is open");
            });
            (&self.client).read_exact(&mut vec![0; BURST]).expect("a whole burst");
        });
    }

    /// A FIN up, and then one down.
    pub(crate) fn end(self) {
        for (from, to) in [(&self.client, &self.target), (&self.target, &self.client)] {
            from.shutdown(Shutdown::Write).expect("the session is open");
            assert_eq!({ to }.read(&mut [0]).expect("a FIN"), 0, "a FIN, and no byte before it");
        }
    }

    pub(crate) fn into_sockets(self) -> [Socket; 2] {
        [self.client, self.target]
    }
}

/// Sends one message.
pub(crate) fn send(mut socket: &Socket) {
    socket.write_all(&[b'.'; MESSAGE]).expect("the session is open");
}

/// Receives one message.
pub(crate) fn receive(mut socket: &Socket) {
    socket.read_exact(&mut [0; MESSAGE]).expect("a whole message");
}

/// Lets time pass. It is what the history consists of, and no wait for something.
pub(crate) fn idle(seconds: u32) {
    std::thread::sleep(Duration::from_secs(seconds.into()));
}
