//! One end of a TCP connection, and the rules of Linux that need nothing else.

use super::poll::{ERR, HUP, IN, Mask, OUT, PRI, RDHUP};
use super::receive_queue::ReceiveQueue;
use super::send_queue::{Fin, SendQueue};
use super::slab::Key;
use super::timers::Timers;
use flow::Time;
use std::net::SocketAddr;
use sys::socket::TcpOptions;
use sys::{Errno, Result};

/// States of RFC 9293. TIME_WAIT is kept as [`State::Closed`] with an occupied port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    Closing,
    CloseWait,
    LastAck,
    Closed,
}

/// The owner of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A listener that has not accepted it yet.
    Queue(Key),
    File(Key),
    /// Its socket was closed.
    Orphan,
}

/// Repeated segments of one end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Retries {
    /// Retransmissions since the last progress (`icsk_retransmits`).
    pub(crate) attempts: u32,
    /// Probes since the last answer (`icsk_probes_out`).
    pub(crate) probes: u32,
    /// The next wait is doubled so many times (`icsk_backoff`).
    pub(crate) backoff: u32,
    /// Start of the present wait for an acknowledgement (`retrans_stamp`).
    pub(crate) waits_since: Time,
    /// Start of the present wait for a window (`icsk_probes_tstamp`).
    pub(crate) blocked_since: Option<Time>,
    /// Retransmissions since the start.
    pub(crate) total: u32,
}

#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) owner: Owner,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) peer: Option<Key>,
    /// A number that both ends of a connection have in common.
    pub(crate) connection: u64,
    pub(crate) state: State,
    pub(crate) receive: ReceiveQueue,
    pub(crate) send: SendQueue,
    /// `sk_err`
    pub(crate) error: Option<Errno>,
    /// `sk_err_soft`: a router has reported it for an established connection.
    pub(crate) soft_error: Option<Errno>,
    pub(crate) options: TcpOptions,
    /// `sk_max_pacing_rate`, in bytes per second.
    pub(crate) rate: Option<u64>,
    pub(crate) timers: Timers,
    pub(crate) retries: Retries,
    /// Arrival of the last segment.
    pub(crate) heard: Time,
    /// Arrival of the last segment sent: segments stay in order.
    pub(crate) last_arrival: Time,
    /// Its host has vanished: it sends and receives nothing.
    pub(crate) has_vanished: bool,
}

impl Endpoint {
    /// An end in its first state. `sizes`: of the receive and the send buffer.
    pub(crate) fn new(
        owner: Owner,
        (local, remote): (SocketAddr, SocketAddr),
        state: State,
        sizes: (usize, usize),
        connection: u64,
    ) -> Self {
        Self {
            owner,
            local,
            remote,
            peer: None,
            connection,
            state,
            receive: ReceiveQueue::new(sizes.0),
            send: SendQueue::new(sizes.1),
            error: None,
            soft_error: None,
            options: TcpOptions::NONE,
            rate: None,
            timers: Timers::default(),
            retries: Retries::default(),
            heard: Time::default(),
            last_arrival: Time::default(),
            has_vanished: false,
        }
    }

    pub(crate) fn is_orphan(&self) -> bool {
        self.owner == Owner::Orphan
    }

    pub(crate) fn is_connecting(&self) -> bool {
        matches!(self.state, State::SynSent | State::SynReceived)
    }

    /// `tcp_poll`. A look at a full send buffer asks for an event when it has room again.
    pub(crate) fn poll(&mut self) -> Mask {
        let mask = self.look();
        if !self.is_connecting() && mask & OUT == 0 {
            self.send.no_space = true;
        }
        mask
    }

    /// The state that [`Self::poll`] reports, without its effect.
    pub(crate) fn look(&self) -> Mask {
        let mut mask = 0;
        if (self.receive.shut && self.send.shut) || self.state == State::Closed {
            mask |= HUP;
        }
        if self.receive.shut {
            mask |= IN | RDHUP;
        }
        if !self.is_connecting() {
            if !self.receive.is_empty() {
                mask |= IN;
            }
            if self.send.shut || self.send.is_writable() {
                mask |= OUT;
            }
            if self.receive.has_urgent() {
                mask |= PRI;
            }
        }
        if self.error.is_some() {
            mask |= ERR;
        }
        mask
    }

    /// The result of a read that finds no byte (`tcp_recvmsg_locked`, `tcp_splice_read`): `Ok` at the end.
    pub(crate) fn nothing_to_read(&mut self) -> Result<()> {
        if self.receive.fin {
            return Ok(());
        }
        if let Some(errno) = self.error.take() {
            return Err(errno);
        }
        if self.receive.shut {
            return Ok(());
        }
        Err(if self.state == State::Closed { Errno::NOTCONN } else { Errno::AGAIN })
    }

    /// Whether a read may return a part of the queued bytes: as if the rest had arrived just after the
    /// call, which raises a new event. Linux leaves bytes in the queue for no other reason than an urgent
    /// mark (`tcp_recvmsg_locked`), and callers rely on it.
    pub(crate) fn may_be_read_short(&self) -> bool {
        !self.receive.has_urgent() && !self.receive.shut && self.error.is_none()
    }

    /// Why no byte can be sent (`tcp_sendmsg_locked`, `sk_stream_wait_connect`). Reports a pending error.
    pub(crate) fn check_sendable(&mut self) -> Result<()> {
        match self.state {
            State::SynSent | State::SynReceived => Err(self.error.take().unwrap_or(Errno::AGAIN)),
            State::Established | State::CloseWait if self.error.is_none() && !self.send.shut => {
                Ok(())
            }
            _ => Err(self.error.take().unwrap_or(Errno::PIPE)),
        }
    }

    /// Queues a FIN, if the state still needs one (`tcp_close_state`). Returns whether it does.
    pub(crate) fn begin_close(&mut self) -> bool {
        self.state = match self.state {
            State::Established | State::SynReceived => State::FinWait1,
            State::CloseWait => State::LastAck,
            _ => return false,
        };
        self.send.fin = Fin::Queued;
        true
    }

    /// Ends the connection on this side (`tcp_done`).
    pub(crate) fn done(&mut self) {
        self.state = State::Closed;
        self.receive.shut = true;
        self.send.shut = true;
        self.timers = Timers::default();
    }
}
