//! The sessions of a trial, one after the other: the n-th call is the same in each run.

use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use testkit::{Addr, End, LIMIT, Peer, Port, Script, Socket, connect, wait_for};

use crate::views::Part;

/// Length of a whole stream in bytes: several calls on each path.
const LENGTH: u64 = 200_000;
/// Bytes before a reset: few enough to fit into the kernel's buffers.
const CUT_LENGTH: u64 = 50_000;
/// Seeds of the two lanes' bytes.
const UP: u64 = 1;
const DOWN: u64 = 2;

/// Course of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The target refuses: no listener.
    Refused,
    /// The target resets in the middle of its answer.
    Cut,
    /// The target answers after the client's FIN.
    Answered,
    /// Both lanes flow at the same time.
    Duplex,
}

impl Kind {
    /// Kinds with rare calls come first.
    pub(crate) const ALL: [Self; 7] = [
        Self::Refused,
        Self::Answered,
        Self::Cut,
        Self::Duplex,
        Self::Answered,
        Self::Cut,
        Self::Duplex,
    ];

    /// Close reasons without a fault.
    pub(crate) fn reasons(self) -> &'static [&'static str] {
        match self {
            Self::Refused => &["target/connect/refused"],
            Self::Cut => &["target/relay/reset"],
            Self::Answered => &["client/relay/fin"],
            Self::Duplex => &["client/relay/fin", "target/relay/fin"],
        }
    }

    fn client(self) -> Part {
        let reads = match self {
            Self::Refused => (DOWN, 0, End::Reset),
            Self::Cut => (DOWN, CUT_LENGTH, End::Reset),
            Self::Answered | Self::Duplex => (DOWN, LENGTH, End::Eof),
        };
        let writes = match self {
            Self::Refused | Self::Cut => None,
            Self::Answered | Self::Duplex => Some((UP, LENGTH)),
        };
        Part { writes, answers: false, reads }
    }

    fn target(self) -> Part {
        let answers = self == Self::Answered;
        Part { writes: Some((DOWN, LENGTH)), answers, reads: (UP, LENGTH, End::Eof) }
    }
}

/// Ports and target of the sessions.
pub(crate) struct Load {
    pub(crate) served: Port,
    pub(crate) refused: Port,
    pub(crate) unused: Port,
    target: TcpListener,
}

impl Load {
    pub(crate) fn new() -> Self {
        let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        target.set_nonblocking(true).unwrap();
        Self { served: Port::v4(), refused: Port::v4(), unused: Port::v4(), target }
    }

    pub(crate) fn target(&self) -> SocketAddr {
        self.target.local_addr().unwrap()
    }

    /// Plays one session. Returns whether both peers saw every byte and the right end.
    ///
    /// # Errors
    ///
    /// A description of a violated guarantee.
    pub(crate) fn play(&self, kind: Kind) -> Result<bool, String> {
        // A session cut before the target accepted it may have left a connection.
        while self.target.accept().is_ok() {}
        let port = if kind == Kind::Refused { &self.refused } else { &self.served };
        let addr = port.addr();
        let client = thread::spawn(move || client(kind, addr));
        let target = match self.accept_unless_over(&client) {
            Some(socket) => target(kind, socket),
            None => Ok(kind == Kind::Refused),
        };
        let client = client.join().expect("a client does not panic");
        Ok(client.map_err(|what| format!("{kind:?}: {what}"))?
            && target.map_err(|what| format!("{kind:?}: {what}"))?)
    }

    fn accept_unless_over<T>(&self, client: &JoinHandle<T>) -> Option<Socket> {
        wait_for("the target's connection or the client's end", 2 * LIMIT, || {
            // Checked first: a client that ends between the two checks has connected before.
            let over = client.is_finished();
            match self.target.accept() {
                Ok((socket, _)) => Some(Some(socket.into())),
                Err(_) => over.then_some(None),
            }
        })
    }
}

fn client(kind: Kind, addr: SocketAddr) -> Result<bool, String> {
    match connect(addr) {
        Ok(socket) => kind.client().play("client", socket),
        // Reset before connect(2) returned.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(kind == Kind::Refused),
        Err(error) => Err(format!("client: connect: {error}")),
    }
}

fn target(kind: Kind, socket: Socket) -> Result<bool, String> {
    socket.set_nonblocking(false).unwrap();
    if kind == Kind::Cut {
        let script = Script::new().sending(DOWN).try_write(CUT_LENGTH).reset();
        Peer::play("target", socket, script).outcome();
        return Ok(true);
    }
    kind.target().play("target", socket)
}

/// A session open before, during and after the fault.
pub(crate) struct Bystander(Socket);

impl Bystander {
    pub(crate) fn connect(port: &Port) -> Self {
        let bystander = Self(connect(port).unwrap());
        bystander.ping();
        bystander
    }

    #[track_caller]
    pub(crate) fn ping(&self) {
        (&self.0).write_all(b".").unwrap();
        let pong = Script::new().read_exactly(1);
        Peer::play("bystander", self.0.try_clone().unwrap(), pong).finish();
    }
}

/// Configuration of the forwarder under test.
pub(crate) fn config(load: &Load, bystander: (&Port, &Addr), path: &str) -> String {
    let forward = |name: &str, listen: &Port, to: String| {
        format!("[[forward]]\nname = '{name}'\nlisten = '{}'\nto = '{to}'\n", listen.addr())
    };
    let head = "[process]\nworkers = 1\n[log]\nformat = 'json'\n";
    let defaults = format!("[defaults]\npath = '{path}'\nidle_timeout = '6s'\n");
    [
        head.to_owned(),
        defaults,
        forward("served", &load.served, load.target().to_string()),
        forward("refused", &load.refused, load.unused.addr().to_string()),
        forward("bystander", bystander.0, bystander.1.to_string()),
        // Outlives a stalled session, and leaves no spare pipe behind.
        "idle_timeout = '1m'\npath = 'copy'\n".to_owned(),
    ]
    .concat()
}
