//! Operations on the process: its descriptors, and execve(2).

use super::{Outcome, Piped, Polling, World, done, errno};
use crate::machine::{Handle, HandleKind, Machine};
use crate::op::{Epoll, Op, Slot};
use sys::kernel::{Descriptor, Kernel, Pipe as _};

/// A descriptor to be claimed after execve(2).
struct Claim<T> {
    slot: usize,
    numbers: [u32; 2],
    rest: T,
}

impl<M: Machine> World<M> {
    pub(super) fn run_on_process(&mut self, op: Op) -> Outcome {
        match op {
            Op::Keep(slot) => self.keep(slot, true),
            Op::Unkeep(slot) => self.keep(slot, false),
            Op::Exec() => Some(self.exec()),
            Op::Descriptors() => Some(self.machine.open_descriptors().to_string()),
            Op::Limit(more) => {
                self.machine.limit_descriptors(more as usize);
                Some("ok".to_owned())
            }
            _ => None,
        }
    }

    fn keep(&mut self, slot: Slot, keep: bool) -> Outcome {
        fn set<D: Descriptor>(descriptor: &D, keep: bool) -> sys::Result<()> {
            if keep { descriptor.keep_over_exec() } else { descriptor.close_on_exec() }
        }
        Some(done(match slot {
            Slot::Listener(slot) => {
                let listening = self.listeners[slot.0].as_mut()?;
                let result = set(listening.socket.as_ref()?, keep);
                listening.is_kept = keep;
                result
            }
            Slot::Connection(slot) => {
                let connected = self.connections[slot.0].as_mut()?;
                connected.is_kept = keep;
                set(&connected.socket, keep)
            }
            Slot::Pipe(slot) => {
                let piped = self.pipes[slot.0].as_mut()?;
                piped.is_kept = keep;
                let pipe = &piped.pipe;
                if keep { pipe.keep_over_exec() } else { pipe.close_on_exec() }
            }
            Slot::Epoll(slot) => {
                let polling = self.epolls[slot.0].as_mut()?;
                polling.is_kept = keep;
                set(&*polling.epoll, keep)
            }
        }))
    }

    /// Executes, then claims each former descriptor twice: a kept one can be claimed once, and another
    /// one never.
    fn exec(&mut self) -> String {
        let mut open = Vec::new();
        let listeners = self.take_listeners(&mut open);
        let connections = self.take_connections(&mut open);
        let pipes = self.take_pipes(&mut open);
        let epolls = self.take_epolls(&mut open);
        let waker = |waking: super::Waking<M>| Handle {
            kind: HandleKind::Waker(waking.waker),
            is_kept: false,
        };
        open.extend(self.wakers.iter_mut().filter_map(Option::take).map(waker));
        self.machine.exec(open);
        let mut log = Vec::new();
        for Claim { slot, numbers, rest } in listeners {
            let claim = |world: &Self| world.machine.kernel().claim_socket(numbers[0]);
            let socket = self.claim_twice(&format!("L{slot}"), &mut log, claim);
            self.listeners[slot] = Some(super::Listening { socket, ..rest });
        }
        for Claim { slot, numbers, rest } in connections {
            let claim = |world: &Self| world.machine.kernel().claim_socket(numbers[0]);
            let socket = self.claim_twice(&format!("C{slot}"), &mut log, claim);
            self.connections[slot] =
                socket.map(|socket| super::Connected { socket, end: rest, is_kept: false });
        }
        for Claim { slot, numbers: [read, write], rest } in pipes {
            let claim = |world: &Self| world.machine.kernel().claim_pipe(read, write);
            let pipe = self.claim_twice(&format!("P{slot}"), &mut log, claim);
            self.pipes[slot] = pipe.map(|pipe| Piped { pipe, content: rest, is_kept: false });
        }
        for Claim { slot, numbers, .. } in epolls {
            let claim = |world: &Self| world.machine.kernel().claim_epoll(numbers[0]);
            let epoll = self.claim_twice(&format!("E{slot}"), &mut log, claim);
            self.epolls[slot] = epoll.map(Polling::new);
        }
        log.join(", ")
    }

    fn claim_twice<T>(
        &self,
        name: &str,
        log: &mut Vec<String>,
        claim: impl Fn(&Self) -> sys::Result<T>,
    ) -> Option<T> {
        let first = claim(self);
        let second = claim(self).err().map_or_else(|| "claimed".to_owned(), errno);
        let (first, result) = match first {
            Ok(claimed) => (Some(claimed), "claimed".to_owned()),
            Err(error) => (None, errno(error)),
        };
        log.push(format!("{name} {result} then {second}"));
        first
    }
}

type Open<M> = Vec<Handle<M>>;

/// Takes the descriptors out of their slots.
impl<M: Machine> World<M> {
    fn take_listeners(&mut self, open: &mut Open<M>) -> Vec<Claim<super::Listening<M>>> {
        let mut claims = Vec::new();
        for (slot, place) in self.listeners.iter_mut().enumerate() {
            let Some(mut rest) = place.take() else { continue };
            let Some(socket) = rest.socket.take() else {
                *place = Some(rest);
                continue;
            };
            claims.push(Claim {
                slot,
                numbers: [socket.number(), 0],
                rest: super::Listening { is_kept: false, ..rest },
            });
            open.push(Handle { kind: HandleKind::Socket(socket), is_kept: rest.is_kept });
        }
        claims
    }

    fn take_connections(&mut self, open: &mut Open<M>) -> Vec<Claim<crate::streams::End>> {
        let mut claims = Vec::new();
        for (slot, place) in self.connections.iter_mut().enumerate() {
            let Some(connected) = place.take() else { continue };
            let numbers = [connected.socket.number(), 0];
            claims.push(Claim { slot, numbers, rest: connected.end });
            let kind = HandleKind::Socket(connected.socket);
            open.push(Handle { kind, is_kept: connected.is_kept });
        }
        claims
    }

    fn take_pipes(&mut self, open: &mut Open<M>) -> Vec<Claim<std::collections::VecDeque<u8>>> {
        let mut claims = Vec::new();
        for (slot, place) in self.pipes.iter_mut().enumerate() {
            let Some(piped) = place.take() else { continue };
            claims.push(Claim { slot, numbers: piped.pipe.numbers(), rest: piped.content });
            open.push(Handle { kind: HandleKind::Pipe(piped.pipe), is_kept: piped.is_kept });
        }
        claims
    }

    fn take_epolls(&mut self, open: &mut Open<M>) -> Vec<Claim<()>> {
        let mut claims = Vec::new();
        // Their threads end.
        (0..self.epolls.len()).for_each(|slot| self.unblock(Epoll(slot)));
        for (slot, place) in self.epolls.iter_mut().enumerate() {
            let Some(polling) = place.take() else { continue };
            claims.push(Claim { slot, numbers: [polling.epoll.number(), 0], rest: () });
            open.push(Handle { kind: HandleKind::Epoll(polling.epoll), is_kept: polling.is_kept });
        }
        claims
    }
}
