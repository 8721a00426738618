//! Operations on listeners.

use super::{Listening, Outcome, World, done, errno};
use crate::machine::{Machine, SocketOf};
use crate::op::{Connection, Listener, Op, Place, Share};
use flow::SocketRights;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use sys::ListensAt;
use sys::Result;
use sys::kernel::{Kernel, Socket};
use sys::listen::{ListenOptions, Sharing};
use sys::socket::TcpOptions;

const OPTIONS: TcpOptions = TcpOptions::NONE;

fn sharing(share: Share) -> Sharing {
    match share {
        Share::Shared => Sharing::SameUser,
        Share::Exclusive => Sharing::Exclusive,
    }
}

impl<M: Machine> World<M> {
    pub(super) fn run_on_listener(&mut self, op: Op) -> Outcome {
        match op {
            Op::Listen(slot, place) => self.listen(slot, place),
            Op::Bind(slot, place, share) => self.bind(slot, place, 0, share),
            Op::BindBeside(slot, other, place, share) => {
                let port = self.listeners[other.0].as_ref()?.address?.port();
                self.bind(slot, place, port, share)
            }
            Op::Accept(slot, connection) => self.accept(slot, connection),
            Op::CloseListener(slot) => {
                let listening = self.listeners[slot.0].as_mut()?;
                listening.queue.clear();
                listening.socket.take().map(|_| "ok".to_owned())
            }
            Op::Unlink(slot) => {
                let path = self.path(slot)?;
                self.machine.kernel().remove_file(&path);
                Some("ok".to_owned())
            }
            Op::File(slot) => self.file(slot),
            Op::TryUnix(slot) => Some(done(self.machine.kernel().try_unix(&self.path(slot)?))),
            _ => self.run_on_open_listener(op),
        }
    }

    fn run_on_open_listener(&self, op: Op) -> Outcome {
        Some(match op {
            Op::Start(slot) => done(self.listener(slot)?.listen()),
            Op::SetSharing(slot, share) => done(self.listener(slot)?.set_sharing(sharing(share))),
            Op::StopListening(slot) => {
                self.listener(slot)?.stop_listening();
                "ok".to_owned()
            }
            Op::Activate(slot) => done(self.listener(slot)?.prepare_activated(&OPTIONS)),
            Op::IgnoreHandshakes(slot) => done(self.listener(slot)?.ignore_new_handshakes()),
            Op::Backlog(slot, length) => {
                done(self.machine.set_backlog(self.listener(slot)?, length))
            }
            Op::Pending(slot) => {
                let socket = self.listener(slot)?;
                let is_pending = if socket.has_pending() { "pending" } else { "none" };
                format!("{is_pending}, {} waiting", socket.waiting())
            }
            Op::ListensAt(slot) => match self.listener(slot)?.listens_at() {
                Some(ListensAt::Ip { address, both_families }) => {
                    let families = if both_families { " and IPv4" } else { "" };
                    format!("{}{families}", address.ip())
                }
                Some(ListensAt::Unix(path)) => {
                    format!("its path: {}", path.is_some() && path == self.path(slot))
                }
                None => "nowhere".to_owned(),
            },
            _ => return None,
        })
    }

    /// The path of a Unix listener.
    pub(super) fn path(&self, slot: Listener) -> Option<PathBuf> {
        let is_unix = self.listeners[slot.0].as_ref()?.place == Place::Unix;
        is_unix.then(|| self.machine.directory().join(slot.to_string()))
    }

    fn file(&self, slot: Listener) -> Outcome {
        let (path, kernel) = (self.path(slot)?, self.machine.kernel());
        let own = self.listeners[slot.0].as_ref()?.file;
        let found = kernel.file_at(&path);
        assert_eq!(kernel.file_reached_by(&path), found);
        Some(match found {
            None => "none".to_owned(),
            Some(_) if !kernel.is_socket_file(&path) => "not a socket".to_owned(),
            Some(id) if Some(id) == own => "its own".to_owned(),
            Some(_) => "another one".to_owned(),
        })
    }

    fn is_free(&self, slot: Listener) -> bool {
        self.listener(slot).is_none()
    }

    fn listen(&mut self, slot: Listener, place: Place) -> Outcome {
        if !self.is_free(slot) {
            return None;
        }
        let socket = if place == Place::Unix {
            let path = self.machine.directory().join(slot.to_string());
            let listening = self.machine.kernel().listen_unix(&path, &SocketRights::AUTO);
            listening.map_err(|error| error.errno)
        } else {
            let bound = self.bound(place, 0, Share::Exclusive);
            bound.and_then(|socket| socket.listen().map(|()| socket))
        };
        Some(self.take_bound(slot, place, socket))
    }

    fn bind(&mut self, slot: Listener, place: Place, port: u16, share: Share) -> Outcome {
        if !self.is_free(slot) || place == Place::Unix {
            return None;
        }
        let socket = self.bound(place, port, share);
        Some(self.take_bound(slot, place, socket))
    }

    /// Binds a port; 0 is a free one. A configured port is never 0: Linux releases a port that it chose
    /// itself at the end of listening.
    fn bound(&self, place: Place, mut port: u16, share: Share) -> Result<SocketOf<M>> {
        if port == 0 {
            let free = self.bound_exactly(place, 0, share)?.local_address()?;
            port = free.map_or(0, |address| address.port());
        }
        self.bound_exactly(place, port, share)
    }

    fn bound_exactly(&self, place: Place, port: u16, share: Share) -> Result<SocketOf<M>> {
        let (kernel, share) = (self.machine.kernel(), sharing(share));
        let at =
            |ip: std::net::IpAddr| kernel.bind_tcp((ip, port).into(), &ListenOptions::NONE, share);
        match place {
            Place::V4 => at(Ipv4Addr::LOCALHOST.into()),
            Place::V6 => at(Ipv6Addr::LOCALHOST.into()),
            Place::AnyV4 => at(Ipv4Addr::UNSPECIFIED.into()),
            Place::AnyV6 => at(Ipv6Addr::UNSPECIFIED.into()),
            Place::Any | Place::Unix => kernel.bind_tcp_any(port, &ListenOptions::NONE, share),
        }
    }

    fn take_bound(&mut self, slot: Listener, place: Place, socket: Result<SocketOf<M>>) -> String {
        let socket = match socket {
            Ok(socket) => socket,
            Err(error) => return errno(error),
        };
        let local = socket.local_address().expect("a bound socket has an address");
        let reached = |local: SocketAddr| -> SocketAddr {
            let six = matches!(place, Place::V6 | Place::AnyV6);
            let v6 = || (Ipv6Addr::LOCALHOST, local.port()).into();
            if six { v6() } else { (Ipv4Addr::LOCALHOST, local.port()).into() }
        };
        let path = self.machine.directory().join(slot.to_string());
        let file = self.machine.kernel().file_at(&path).filter(|_| place == Place::Unix);
        let listening = Listening {
            place,
            file,
            address: local.map(reached),
            socket: Some(socket),
            queue: VecDeque::new(),
            is_kept: false,
        };
        self.listeners[slot.0] = Some(listening);
        "ok".to_owned()
    }

    fn accept(&mut self, slot: Listener, connection: Connection) -> Outcome {
        if self.connection(connection).is_some() {
            return None;
        }
        let (socket, address) = match self.listener(slot)?.accept() {
            Ok(accepted) => accepted,
            Err(error) => return Some(errno(error)),
        };
        let peer = match address.ip() {
            Some(address) => self.streams.end_at(address),
            None => self.listeners[slot.0].as_mut()?.queue.pop_front(),
        };
        let end = self.hold(connection, socket);
        let Some(peer) = peer else { return Some("an unknown client".to_owned()) };
        self.streams.join(end, peer);
        Some(self.streams.name(peer).to_string())
    }
}
