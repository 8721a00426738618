//! Operations of a program, and their text: one line each, such as `send C0 5`.

use std::fmt;
use std::str::FromStr;

/// Defines a kind of slot: a numbered place for one descriptor, written as a letter and a digit.
macro_rules! slot {
    ($(#[$doc:meta])* $name:ident, $letter:literal, $count:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) usize);

        impl $name {
            pub(crate) const COUNT: usize = $count;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $letter, self.0)
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                let number = text.strip_prefix($letter).ok_or(())?;
                number.parse().ok().filter(|number| *number < $count).map(Self).ok_or(())
            }
        }
    };
}

slot!(
    /// A socket that is bound or listens.
    Listener, 'L', 4
);
slot!(
    /// A socket that connects or was accepted.
    Connection, 'C', 8
);
slot!(
    /// A pipe for splicing.
    Pipe, 'P', 2
);
slot!(
    /// An epoll instance.
    Epoll, 'E', 3
);
slot!(
    /// A waker.
    Waker, 'W', 2
);

/// Defines an enum of fixed words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),*];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)* })
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($word => Ok(Self::$variant),)* _ => Err(()) }
            }
        }
    };
}

words!(
    /// Where a listener is bound.
    Place {
        /// 127.0.0.1
        V4 = "v4",
        /// ::1
        V6 = "v6",
        /// Every address of both families, with one socket.
        Any = "any",
        /// 0.0.0.0
        AnyV4 = "any4",
        /// [::], without IPv4.
        AnyV6 = "any6",
        /// A path of the program's own directory.
        Unix = "unix",
    }
);

words!(
    /// `SO_REUSEPORT`
    Share { Shared = "shared", Exclusive = "exclusive", }
);

/// Any descriptor of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    Listener(Listener),
    Connection(Connection),
    Pipe(Pipe),
    Epoll(Epoll),
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener(slot) => slot.fmt(f),
            Self::Connection(slot) => slot.fmt(f),
            Self::Pipe(slot) => slot.fmt(f),
            Self::Epoll(slot) => slot.fmt(f),
        }
    }
}

impl FromStr for Slot {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let listener = || text.parse().map(Self::Listener);
        let connection = || text.parse().map(Self::Connection);
        let pipe = || text.parse().map(Self::Pipe);
        let epoll = || text.parse().map(Self::Epoll);
        listener().or_else(|()| connection()).or_else(|()| pipe()).or_else(|()| epoll())
    }
}

/// Defines the operations with their words and arguments.
macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident($($field:ident: $type:ty),*) = $verb:literal,)*) => {
        /// One operation. On an empty slot, or where the slot to be filled is taken, it does nothing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Op { $($(#[$doc])* $name($($type),*),)* }

        impl fmt::Display for Op {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name($($field),*) => {
                        f.write_str($verb)?;
                        $(write!(f, " {}", $field)?;)*
                    })*
                }
                Ok(())
            }
        }

        impl FromStr for Op {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                let mut words = text.split_whitespace();
                let op = match words.next().ok_or(())? {
                    $($verb => {
                        $(let $field = words.next().ok_or(())?.parse().map_err(drop)?;)*
                        Self::$name($($field),*)
                    })*
                    _ => return Err(()),
                };
                words.next().is_none().then_some(op).ok_or(())
            }
        }
    };
}

operations! {
    /// Binds a port of the kernel's choice, or a path, and listens.
    Listen(listener: Listener, place: Place) = "listen",
    /// Binds without listening.
    Bind(listener: Listener, place: Place, share: Share) = "bind",
    /// Binds the port of the second listener at another place, without listening.
    BindBeside(listener: Listener, other: Listener, place: Place, share: Share) = "bind_beside",
    /// Makes a bound socket listen.
    Start(listener: Listener) = "start",
    SetSharing(listener: Listener, share: Share) = "share",
    StopListening(listener: Listener) = "stop",
    IgnoreHandshakes(listener: Listener) = "ignore_handshakes",
    /// Sets the length of the accept queue.
    Backlog(listener: Listener, length: u32) = "backlog",
    CloseListener(listener: Listener) = "close_listener",
    /// Removes the file of a Unix socket.
    Unlink(listener: Listener) = "unlink",
    /// The file of a Unix socket: whether it is there, and that of this listener.
    File(listener: Listener) = "file",
    /// Whether a Unix listener could be created at the path.
    TryUnix(listener: Listener) = "try_unix",
    /// Whether a connection is pending, and the length of the queue.
    Pending(listener: Listener) = "pending",
    ListensAt(listener: Listener) = "listens_at",
    /// Prepares a listener as one of the service manager.
    Activate(listener: Listener) = "activate",
    Accept(listener: Listener, connection: Connection) = "accept",

    /// Connects to the last address of the listener's slot, whether it listens or not.
    Connect(connection: Connection, listener: Listener) = "connect",
    /// Connects to its port at ::1.
    ConnectV6(connection: Connection, listener: Listener) = "connect6",
    /// Connects to its own address.
    ConnectToItself(connection: Connection) = "connect_to_itself",
    /// Waits until poll(2) reports the connection as readable or writable. For retransmissions, which
    /// take a second.
    Await(connection: Connection) = "await",
    /// Waits until poll(2) reports its end or an error. For timeouts.
    AwaitEnd(connection: Connection) = "await_end",
    /// Sets a user timeout in milliseconds, and keepalive probes after and every so many seconds, one of
    /// which may stay without an answer. 0 turns either off.
    Options(connection: Connection, user_timeout: u32, keepalive: u32) = "options",
    /// The host of this end vanishes: it answers nothing any more.
    Vanish(connection: Connection) = "vanish",
    /// Sends so many bytes of the connection's stream.
    Send(connection: Connection, count: u32) = "send",
    /// One call, with room for so many bytes.
    Receive(connection: Connection, count: u32) = "receive",
    /// One call with room for so many bytes, which leaves them in the queue.
    Peek(connection: Connection, count: u32) = "peek",
    /// Sends so many pieces over each of two connections, alternately, with so many bytes each.
    Scatter(one: Connection, other: Connection, count: u32, size: u32) = "scatter",
    /// Sends one urgent byte.
    Urgent(connection: Connection) = "urgent",
    /// Sends bytes with a descriptor attached.
    Attach(connection: Connection, count: u32) = "attach",
    /// Sends until the kernel takes no more.
    SendUntilFull(connection: Connection) = "send_until_full",
    /// Receives until nothing more comes.
    ReceiveAll(connection: Connection) = "receive_all",
    /// Receives this part (1/n) of the bytes underway.
    ReceivePart(connection: Connection, part: u32) = "receive_part",
    ShutWrite(connection: Connection) = "shut_write",
    Close(connection: Connection) = "close",
    Reset(connection: Connection) = "reset",
    TakeError(connection: Connection) = "take_error",
    /// Whether bytes or a FIN are unacknowledged.
    Unacked(connection: Connection) = "unacked",
    Sequence(connection: Connection) = "sequence",
    IsConnectedToItself(connection: Connection) = "is_connected_to_itself",
    /// The state as poll(2) reports it.
    Poll(connection: Connection) = "poll",

    /// A pipe of this capacity in bytes.
    NewPipe(pipe: Pipe, capacity: u32) = "pipe",
    /// Splices from the connection into the pipe, if that is empty.
    Fill(pipe: Pipe, connection: Connection) = "fill",
    /// Splices up to so many bytes from the pipe to the connection, unless the pipe is empty.
    Drain(pipe: Pipe, connection: Connection, count: u32) = "drain",
    ReadPipe(pipe: Pipe, count: u32) = "read_pipe",
    ClosePipe(pipe: Pipe) = "close_pipe",

    NewEpoll(epoll: Epoll) = "epoll",
    Add(epoll: Epoll, connection: Connection) = "add",
    AddListener(epoll: Epoll, listener: Listener) = "add_listener",
    AddWaker(epoll: Epoll, waker: Waker) = "add_waker",
    Remove(epoll: Epoll, connection: Connection) = "remove",
    RemoveListener(epoll: Epoll, listener: Listener) = "remove_listener",
    /// The pending events, at most so many, without blocking.
    Wait(epoll: Epoll, room: u32) = "wait",
    /// Begins a wait for at most so many events, which blocks until there is one. The result of the
    /// operation that ends it has its events.
    Block(epoll: Epoll, room: u32) = "block",
    /// Ends a wait that blocks.
    Unblock(epoll: Epoll) = "unblock",
    CloseEpoll(epoll: Epoll) = "close_epoll",

    NewWaker(waker: Waker) = "waker",
    Wake(waker: Waker) = "wake",
    /// Consumes the wake-ups, if there are any.
    Consume(waker: Waker) = "consume",
    CloseWaker(waker: Waker) = "close_waker",

    Keep(slot: Slot) = "keep",
    Unkeep(slot: Slot) = "unkeep",
    /// execve(2), and claims of all descriptors that were open before.
    Exec() = "exec",
    /// The number of open descriptors.
    Descriptors() = "descriptors",
    /// Limits the process to so many more descriptors.
    Limit(more: u32) = "limit",
}
