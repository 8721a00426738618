//! One end of a TCP connection: what the socket calls do to it. `network` holds what segments do.

use super::conditions::Call;
use super::network::Body;
pub(super) use super::phase::{Fin, Owner, State};
use super::poll::{ANY, DATA, ERR, HUP, IN, Mask, OUT, PRI, RDHUP};
use super::unix::Kind;
use super::world::{Due, EndKey, File, FileKey, World};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use sys::{Errno, Result};

/// Time in TIME_WAIT, and of an orphan in FIN_WAIT2 (`tcp_fin_timeout`).
pub(super) const FIN_TIMEOUT: Duration = Duration::from_secs(60);

/// One end of a connection. Positions count bytes of the stream.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) owner: Owner,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) peer: Option<EndKey>,
    pub(super) state: State,
    /// Bytes received and not read; the first is at `read`.
    pub(super) inbox: VecDeque<u8>,
    pub(super) read: u64,
    /// Position of the last urgent byte, until it is read.
    pub(super) urgent: Option<u64>,
    pub(super) fin_received: bool,
    /// The acknowledgement of the FIN is delayed.
    pub(super) ack_due: bool,
    pub(super) receive_buffer: usize,
    /// End of the window as known to the peer.
    pub(super) advertised: u64,
    /// Bytes not acknowledged; the first is at `acknowledged`.
    pub(super) outbox: VecDeque<u8>,
    pub(super) acknowledged: u64,
    pub(super) sent: u64,
    /// End of the peer's window.
    pub(super) window: u64,
    /// Position of the last urgent byte sent.
    pub(super) mark: Option<u64>,
    pub(super) fin: Fin,
    /// Bytes that an RST has dropped.
    lost: usize,
    pub(super) send_buffer: usize,
    pub(super) error: Option<Errno>,
    pub(super) receive_shut: bool,
    pub(super) send_shut: bool,
    /// A failed send or a poll asks for an event when there is room (`SOCK_NOSPACE`).
    pub(super) no_space: bool,
    /// Arrival of the last segment sent: segments stay in order.
    pub(super) last_arrival: flow::Time,
    /// SYNs sent.
    pub(super) syns: u32,
    /// Number of bytes that arrived.
    pub(super) received: u64,
}

impl Endpoint {
    /// An end in its first state.
    pub(super) fn new(
        owner: Owner,
        local: SocketAddr,
        remote: SocketAddr,
        state: State,
        buffers: (usize, usize),
    ) -> Self {
        let (receive_buffer, send_buffer) = buffers;
        Self {
            owner,
            local,
            remote,
            peer: None,
            state,
            inbox: VecDeque::new(),
            read: 0,
            urgent: None,
            fin_received: false,
            ack_due: false,
            receive_buffer,
            advertised: receive_buffer as u64,
            outbox: VecDeque::new(),
            acknowledged: 0,
            sent: 0,
            window: 0,
            mark: None,
            fin: Fin::None,
            lost: 0,
            send_buffer,
            error: None,
            receive_shut: false,
            send_shut: false,
            no_space: false,
            last_arrival: flow::Time::default(),
            syns: 0,
            received: 0,
        }
    }

    /// Bytes that are not acknowledged, and one for the FIN. An RST leaves the number.
    fn unacknowledged(&self) -> usize {
        let fin = usize::from(matches!(self.fin, Fin::Queued | Fin::Sent));
        self.outbox.len() + fin + self.lost
    }

    /// Drops what was not acknowledged.
    pub(super) fn lose_outbox(&mut self) {
        // A SYN counts as well.
        let syn = usize::from(self.state == State::SynSent);
        self.lost = self.unacknowledged() + syn;
        self.outbox.clear();
        self.fin = Fin::None;
    }

    fn is_writable(&self) -> bool {
        let free = self.send_buffer.saturating_sub(self.outbox.len());
        free >= self.outbox.len() / 2 && self.outbox.len() < self.send_buffer
    }

    /// `tcp_poll`.
    pub(super) fn poll(&mut self) -> Mask {
        let mut mask = 0;
        let both = self.receive_shut && self.send_shut;
        if both || self.state == State::Closed {
            mask |= HUP;
        }
        if self.receive_shut {
            mask |= IN | RDHUP;
        }
        if !matches!(self.state, State::SynSent | State::SynReceived) {
            if !self.inbox.is_empty() {
                mask |= IN;
            }
            if self.send_shut || self.is_writable() {
                mask |= OUT;
            } else {
                self.no_space = true;
            }
            if self.urgent.is_some() {
                mask |= PRI;
            }
        }
        if self.error.is_some() {
            mask |= ERR;
        }
        mask
    }

    /// Whether an event for the room that it has now is due. Clears the request.
    pub(super) fn takes_space_request(&mut self) -> bool {
        let due = self.no_space && self.is_writable();
        self.no_space &= !due;
        due
    }

    /// The result of a read that finds no byte (`tcp_recvmsg_locked`, `tcp_splice_read`).
    fn nothing_to_read(&mut self) -> Result<()> {
        if self.fin_received {
            return Ok(());
        }
        if let Some(errno) = self.error.take() {
            return Err(errno);
        }
        if self.receive_shut {
            return Ok(());
        }
        Err(if self.state == State::Closed { Errno::NOTCONN } else { Errno::AGAIN })
    }

    /// Whether a read may return a part of the queued bytes: as if the rest had arrived just after the
    /// call, which raises a new event. Linux leaves bytes in the queue for no other reason than an urgent
    /// mark (`tcp_recvmsg_locked`), and callers rely on it.
    fn may_be_read_short(&self) -> bool {
        self.urgent.is_none() && !self.receive_shut && self.error.is_none()
    }

    /// Bytes before the urgent one; all if there is none.
    fn before_urgent(&self) -> usize {
        let behind = self.urgent.map(|at| usize::try_from(at - self.read).unwrap_or(usize::MAX));
        behind.unwrap_or(usize::MAX).min(self.inbox.len())
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let mut count = 0;
        let (front, back) = self.inbox.as_slices();
        for part in [front, back] {
            let room = &mut buffer[count..];
            let taken = part.len().min(room.len());
            room[..taken].copy_from_slice(&part[..taken]);
            count += taken;
        }
        self.inbox.drain(..count);
        self.read += count as u64;
        self.urgent = self.urgent.filter(|at| *at >= self.read);
        count
    }
}

impl World {
    /// The end behind a socket. `ENOTCONN` for any other file.
    pub(super) fn end(&mut self, socket: FileKey) -> Result<(EndKey, &mut Endpoint)> {
        let Some(File::Tcp(key)) = self.files.get(&socket) else { return Err(Errno::NOTCONN) };
        let key = *key;
        self.ends.get_mut(&key).map(|end| (key, end)).ok_or(Errno::NOTCONN)
    }

    /// recv(2): at most up to the urgent byte, unless that is the first.
    pub(super) fn receive(&mut self, socket: FileKey, buffer: &mut [u8]) -> Result<usize> {
        if matches!(self.files.get(&socket), Some(File::Unix(_))) {
            return self.receive_unix(socket, buffer);
        }
        self.fails(Call::Receive)?;
        let (_, end) = self.end(socket)?;
        if end.inbox.is_empty() {
            return end.nothing_to_read().map(|()| 0);
        }
        let most = match end.before_urgent() {
            0 => end.inbox.len(),
            count => count,
        };
        let most = most.min(buffer.len());
        let may_be_short = end.may_be_read_short();
        let short = if may_be_short { self.shortened(most) } else { most };
        let (key, end) = self.end(socket)?;
        let count = end.take(&mut buffer[..short]);
        self.update_window(key);
        if short < most {
            self.wake(socket, DATA);
        }
        self.settle();
        Ok(count)
    }

    /// Bytes that splice(2) can take at once: never an urgent one. 0 at the end of the stream.
    pub(super) fn spliceable(&mut self, socket: FileKey) -> Result<usize> {
        if matches!(self.files.get(&socket), Some(File::Unix(_))) {
            return self.spliceable_unix(socket);
        }
        let (_, end) = self.end(socket)?;
        match end.before_urgent() {
            0 => end.nothing_to_read().map(|()| 0),
            count => Ok(count),
        }
    }

    /// Takes up to `count` bytes, of those that splice(2) can take.
    pub(super) fn take_for_splice(&mut self, socket: FileKey, count: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        if matches!(self.files.get(&socket), Some(File::Unix(_))) {
            let count = self.receive_unix(socket, &mut bytes)?;
            bytes.truncate(count);
            return Ok(bytes);
        }
        let (key, end) = self.end(socket)?;
        let count = end.take(&mut bytes);
        bytes.truncate(count);
        self.update_window(key);
        self.settle();
        Ok(bytes)
    }

    /// send(2), of one piece.
    pub(super) fn send(&mut self, socket: FileKey, bytes: &[u8]) -> Result<usize> {
        if matches!(self.files.get(&socket), Some(File::Unix(_))) {
            return self.send_unix(socket, bytes, Kind::Plain);
        }
        self.fails(Call::Send)?;
        let short = self.shortened(bytes.len());
        let (key, end) = self.end(socket)?;
        match end.state {
            State::SynSent | State::SynReceived => {
                return Err(end.error.take().unwrap_or(Errno::AGAIN));
            }
            State::Established | State::CloseWait => {}
            _ => return Err(end.error.take().unwrap_or(Errno::PIPE)),
        }
        if end.error.is_some() || end.send_shut {
            return Err(end.error.take().unwrap_or(Errno::PIPE));
        }
        let room = end.send_buffer.saturating_sub(end.outbox.len());
        let count = short.min(room);
        // The reason of a short count, a full buffer or a lack of memory, asks for an event in any case
        // (`wait_for_space` in `tcp_sendmsg_locked`). An acknowledgement raises it.
        if count < bytes.len() {
            end.no_space = true;
        }
        if count == 0 {
            return if bytes.is_empty() { Ok(0) } else { Err(Errno::AGAIN) };
        }
        end.outbox.extend(&bytes[..count]);
        self.transmit(key);
        self.settle();
        Ok(count)
    }

    /// Sends one byte as urgent (`MSG_OOB`).
    pub(super) fn send_urgent(&mut self, socket: FileKey, byte: u8) -> Result<usize> {
        if matches!(self.files.get(&socket), Some(File::Unix(_))) {
            return self.send_unix(socket, &[byte], Kind::Urgent);
        }
        let (_, end) = self.end(socket)?;
        let at = end.acknowledged + end.outbox.len() as u64;
        end.mark = Some(at);
        let result = self.send(socket, &[byte]);
        if result.is_err() {
            let (_, end) = self.end(socket)?;
            end.mark = end.mark.filter(|mark| *mark != at);
        }
        result
    }

    /// shutdown(2) for writing.
    pub(super) fn shut_write(&mut self, socket: FileKey) -> Result<()> {
        if matches!(self.files.get(&socket), Some(File::Unix(_))) {
            return self.shut_write_unix(socket);
        }
        let (key, end) = self.end(socket)?;
        if end.state == State::SynSent {
            // `inet_shutdown` disconnects it, and leaves an error (`tcp_disconnect`).
            end.state = State::Closed;
            end.error = Some(Errno::CONNRESET);
            end.lost = 1;
            self.wake(socket, ANY);
            return Ok(());
        }
        let closed = end.state == State::Closed;
        end.send_shut = true;
        if !closed {
            self.queue_fin(key);
        }
        self.settle();
        self.wake(socket, ANY);
        if closed { Err(Errno::NOTCONN) } else { Ok(()) }
    }

    /// Queues a FIN, if the state still needs one (`tcp_close_state`).
    fn queue_fin(&mut self, key: EndKey) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        end.state = match end.state {
            State::Established | State::SynReceived => State::FinWait1,
            State::CloseWait => State::LastAck,
            _ => return,
        };
        end.fin = Fin::Queued;
        self.transmit(key);
    }

    /// close(2): with RST if bytes are unread or `linger` is set, otherwise with FIN.
    pub(super) fn close_end(&mut self, key: EndKey, linger: bool) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        end.owner = Owner::Orphan;
        end.receive_shut = true;
        end.send_shut = true;
        let unread = !end.inbox.is_empty();
        let resets = match end.state {
            // A port in TIME_WAIT stays occupied.
            State::Closed => {
                self.ends.remove(&key);
                return;
            }
            State::SynSent => return self.forget(key),
            State::Closing | State::LastAck => unread || (linger && !end.outbox.is_empty()),
            _ => unread || linger,
        };
        if resets {
            self.send_body(key, Body::Reset);
            return self.forget(key);
        }
        self.queue_fin(key);
        let at = self.now.after(FIN_TIMEOUT);
        if self.ends.get(&key).is_some_and(|end| end.state == State::FinWait2) {
            self.schedule(at, Due::Forget(key));
        }
    }

    /// Removes an end, and frees its port.
    pub(super) fn forget(&mut self, key: EndKey) {
        if let Some(end) = self.ends.remove(&key) {
            self.used_ports.remove(&(end.local, end.remote));
        }
    }

    /// `SIOCOUTQ`: bytes not acknowledged, and one for the FIN.
    pub(super) fn unacknowledged(&mut self, socket: FileKey) -> u32 {
        if let Some(count) = self.unread_by_peer(socket) {
            return count;
        }
        let Ok((_, end)) = self.end(socket) else { return 0 };
        u32::try_from(end.unacknowledged()).unwrap_or(u32::MAX)
    }
}
