//! Operations on connections.

use super::{Connected, Outcome, World, done, errno, text};
use crate::machine::{Machine, SocketOf};
use crate::op::{Connection, Listener, Op};
use crate::streams::End;
use flow::Keepalive;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;
use sys::kernel::{Kernel, Socket};
use sys::socket::{Progress, TcpOptions};
use sys::{Errno, Result};

/// Bytes of one call where the amount does not matter.
const LARGE: usize = 65_536;

/// Calls of a loop that must have ended by then.
const CALLS: usize = 10_000;

fn options(user_timeout: u32, keepalive: u32) -> TcpOptions {
    let period = Duration::from_secs(keepalive.into());
    let keepalive = Keepalive { idle: period, interval: period, count: 1 };
    let user_timeout = Duration::from_millis(user_timeout.into());
    TcpOptions {
        keepalive: Some(keepalive).filter(|_| !period.is_zero()),
        user_timeout: Some(user_timeout).filter(|timeout| !timeout.is_zero()),
        ..TcpOptions::NONE
    }
}

impl<M: Machine> World<M> {
    pub(super) fn run_on_connection(&mut self, op: Op) -> Outcome {
        match op {
            Op::Connect(slot, listener) => self.connect(slot, listener, false),
            Op::ConnectV6(slot, listener) => self.connect(slot, listener, true),
            Op::ConnectToItself(slot) => self.connect_to_itself(slot),
            Op::Close(slot) => self.connections[slot.0].take().map(|_| "ok".to_owned()),
            Op::Reset(slot) => {
                self.connections[slot.0].take()?.socket.reset();
                Some("ok".to_owned())
            }
            Op::Vanish(slot) => {
                let connected = self.connections[slot.0].take()?;
                self.machine.vanish(connected.socket);
                Some("ok".to_owned())
            }
            _ => self.run_transfer(op).or_else(|| self.run_query(op)),
        }
    }

    fn run_transfer(&mut self, op: Op) -> Outcome {
        match op {
            Op::Send(slot, count) => {
                self.send(slot, count as usize, |_, socket, bytes| socket.send(bytes))
            }
            Op::Urgent(slot) => self.send(slot, 1, |machine, socket, bytes| {
                machine.send_urgent(socket, bytes.first().copied().unwrap_or_default())
            }),
            Op::Attach(slot, count) => self.send(slot, count as usize, M::send_with_descriptor),
            Op::Scatter(one, other, count, size) => {
                self.scatter([one, other], count as usize, size as usize)
            }
            Op::SendUntilFull(slot) => self.send_until_full(slot),
            Op::Receive(slot, count) => self.receive(slot, count as usize),
            Op::Peek(slot, count) => self.peek(slot, count as usize),
            Op::ReceiveAll(slot) => self.receive_all(slot, usize::MAX),
            Op::ReceivePart(slot, part) => {
                let end = self.connection(slot)?.end;
                self.receive_all(slot, self.streams.underway(end) / part.max(1) as usize)
            }
            _ => None,
        }
    }

    fn run_query(&self, op: Op) -> Outcome {
        let socket = |slot| self.connection(slot).map(|connected| &connected.socket);
        Some(match op {
            Op::ShutWrite(slot) => done(socket(slot)?.shut_write()),
            Op::TakeError(slot) => done(socket(slot)?.take_error()),
            Op::Unacked(slot) => (socket(slot)?.unacked() > 0).to_string(),
            Op::Sequence(slot) => match socket(slot)?.sequence_received() {
                Some(_) if self.is_large(slot)? => "many".to_owned(),
                Some(count) => count.to_string(),
                None => "unknown".to_owned(),
            },
            Op::IsConnectedToItself(slot) => socket(slot)?.is_connected_to_itself().to_string(),
            Op::Await(slot) => {
                self.machine.wait_until_ready(socket(slot)?, false);
                self.machine.poll(socket(slot)?).to_string()
            }
            Op::AwaitEnd(slot) => {
                self.machine.wait_until_ready(socket(slot)?, true);
                self.machine.poll(socket(slot)?).to_string()
            }
            Op::Options(slot, user_timeout, keepalive) => {
                let options = options(user_timeout, keepalive);
                done(socket(slot)?.replace_tcp_options(&options))
            }
            Op::Poll(slot) => self.machine.poll(socket(slot)?).to_string(),
            _ => return None,
        })
    }

    /// Whether the amount that a connection receives depends on the sizes of buffers.
    fn is_large(&self, slot: Connection) -> Option<bool> {
        Some(self.streams.amount(self.connection(slot)?.end, 0) != "0")
    }

    /// Puts a socket into a slot, as a new end of a connection.
    pub(super) fn hold(&mut self, slot: Connection, socket: SocketOf<M>) -> End {
        let end = self.streams.new_end(slot);
        self.connections[slot.0] = Some(Connected { socket, end, is_kept: false });
        end
    }

    fn connect(&mut self, slot: Connection, listener: Listener, over_v6: bool) -> Outcome {
        if self.connection(slot).is_some() {
            return None;
        }
        let Some(mut address) = self.listeners[listener.0].as_ref()?.address else {
            return self.connect_unix(slot, listener);
        };
        if over_v6 {
            address = (Ipv6Addr::LOCALHOST, address.port()).into();
        }
        let (socket, progress) = match self.machine.kernel().connect_tcp(address) {
            Ok(connecting) => connecting,
            Err(error) => return Some(errno(error)),
        };
        let local: Option<SocketAddr> = socket.local_address().ok().flatten();
        let end = self.hold(slot, socket);
        if let Some(local) = local {
            self.streams.connected_from(end, local);
        }
        let connected = progress == Progress::Connected;
        Some(if connected { "connected" } else { "under way" }.to_owned())
    }

    fn connect_to_itself(&mut self, slot: Connection) -> Outcome {
        if self.connection(slot).is_some() {
            return None;
        }
        let socket = match self.machine.connect_to_itself() {
            Ok(socket) => socket,
            Err(error) => return Some(errno(error)),
        };
        let end = self.hold(slot, socket);
        self.streams.join(end, end);
        Some("under way".to_owned())
    }

    fn connect_unix(&mut self, slot: Connection, listener: Listener) -> Outcome {
        match self.machine.kernel().connect_unix(&self.path(listener)?) {
            Ok(socket) => {
                let end = self.hold(slot, socket);
                self.listeners[listener.0].as_mut()?.queue.push_back(end);
                Some("connected".to_owned())
            }
            Err(error) => Some(errno(error)),
        }
    }

    fn send(
        &mut self,
        slot: Connection,
        count: usize,
        call: impl FnOnce(&M, &SocketOf<M>, &[u8]) -> Result<usize>,
    ) -> Outcome {
        let connected = self.connection(slot)?;
        let end = connected.end;
        let bytes = self.streams.upcoming(end, count);
        let result = call(&self.machine, &connected.socket, &bytes);
        self.streams.sent(end, &bytes[..result.unwrap_or(0)]);
        Some(text(result))
    }

    fn scatter(&mut self, slots: [Connection; 2], count: usize, size: usize) -> Outcome {
        for slot in slots.repeat(count) {
            let result = self.send(slot, size, |_, socket, bytes| socket.send(bytes))?;
            self.note_woken();
            if result != size.to_string() {
                return Some(result);
            }
        }
        Some("ok".to_owned())
    }

    fn send_until_full(&mut self, slot: Connection) -> Outcome {
        let mut is_full = false;
        for _ in 0..CALLS {
            let connected = self.connection(slot)?;
            let end = connected.end;
            let bytes = self.streams.upcoming(end, LARGE);
            match connected.socket.send(&bytes) {
                Ok(count) => {
                    is_full = false;
                    self.streams.sent(end, &bytes[..count]);
                    self.note_woken();
                }
                Err(Errno::AGAIN) if !is_full => {
                    // The peer's kernel may take more of it.
                    is_full = true;
                    self.settle();
                    self.note_woken();
                }
                Err(Errno::AGAIN) => return Some("full".to_owned()),
                Err(error) => return Some(errno(error)),
            }
        }
        Some("never full".to_owned())
    }

    fn receive(&mut self, slot: Connection, count: usize) -> Outcome {
        let connected = self.connection(slot)?;
        let end = connected.end;
        let mut buffer = vec![0; count];
        Some(match connected.socket.receive(&mut buffer) {
            Ok(count) => self.streams.received(end, &buffer[..count]),
            Err(error) => errno(error),
        })
    }

    fn peek(&self, slot: Connection, count: usize) -> Outcome {
        let mut buffer = vec![0; count];
        Some(match self.connection(slot)?.socket.peek(&mut buffer) {
            Ok(0) => "end".to_owned(),
            Ok(count) => count.to_string(),
            Err(error) => errno(error),
        })
    }

    /// Receives until nothing more comes, or `most` bytes are there.
    fn receive_all(&mut self, slot: Connection, most: usize) -> Outcome {
        let end = self.connection(slot)?.end;
        let mut buffer = vec![0; LARGE];
        let mut total = 0;
        let mut is_empty = false;
        for _ in 0..CALLS {
            let room = LARGE.min(most - total);
            if room == 0 {
                return Some(format!("{} of it", self.streams.amount(end, total)));
            }
            let stopped = match self.connection(slot)?.socket.receive(&mut buffer[..room]) {
                Ok(0) => "end".to_owned(),
                Ok(count) => {
                    self.note_woken();
                    is_empty = false;
                    total += count;
                    if self.streams.received(end, &buffer[..count]) != count.to_string() {
                        return Some("other bytes than sent".to_owned());
                    }
                    continue;
                }
                Err(Errno::AGAIN) if !is_empty => {
                    // The sender's kernel may have more to send, now that there is room.
                    is_empty = true;
                    self.settle();
                    self.note_woken();
                    continue;
                }
                Err(error) => errno(error),
            };
            return Some(format!("{}, then {stopped}", self.streams.amount(end, total)));
        }
        Some("without an end".to_owned())
    }
}
