//! Saves a worker's sessions for the next process image.

use super::Worker;
use crate::holding::Holding;
use crate::permit::Permit;
use crate::rule::Route;
use crate::session::{Connecting, Session};
use crate::slots::Key;
use crate::table::Entry;
use crate::targets::Target;
use crate::upgrade::{saved_address, saved_socket_address};
use flow::{Direction, Peer};
use std::collections::HashMap;
use std::sync::Arc;
use sys::handoff::{close_on_exec, keep_over_exec, number};

/// The routes of a worker's sessions: one entry per pair of route and target.
#[derive(Default)]
struct Routes {
    positions: HashMap<(*const Route, *const Target), u32>,
    routes: Vec<handover::Route>,
}

impl Routes {
    /// `EOVERFLOW` if the position does not fit the message: no session may be filed under another
    /// route.
    fn position(&mut self, permit: &Permit) -> sys::Result<u32> {
        let (route, target) = (permit.route(), permit.target());
        let key = (Arc::as_ptr(route), target.map_or(std::ptr::null(), Arc::as_ptr));
        if let Some(position) = self.positions.get(&key) {
            return Ok(*position);
        }
        let position = u32::try_from(self.routes.len()).map_err(|_| sys::Errno::OVERFLOW)?;
        self.routes.push(handover::Route {
            forward: route.forward.name.to_string(),
            listen: route.listen.to_string(),
            target: target.map_or_else(String::new, |target| target.text.to_string()),
        });
        self.positions.insert(key, position);
        Ok(position)
    }
}

impl Worker {
    /// Saves all sessions, and marks their descriptors to stay open over execve(2).
    pub(crate) fn save(&mut self) -> sys::Result<Vec<u8>> {
        keep_over_exec(&self.context.epoll)?;
        let mut routes = Routes::default();
        let keys = self.table.slots().keys();
        let mut sessions = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(Entry { session, .. }) = self.table.entry(key) else { continue };
            let route = routes.position(&session.permit)?;
            mark_descriptors(session, |fd| keep_over_exec(fd))?;
            sessions.push(saved(key, session, route));
        }
        Ok(handover::encode(&handover::Worker {
            routes: routes.routes,
            sessions,
            next_generation: self.table.slots().next_generation(),
        }))
    }

    /// Undoes [`Self::save`]: marks the descriptors close-on-exec again.
    pub(crate) fn forget_saving(&mut self) {
        // Cannot fail for open descriptors.
        let _ = close_on_exec(&self.context.epoll);
        let keys: Vec<Key> = self.table.slots().keys();
        for key in keys {
            if let Some(Entry { session, .. }) = self.table.entry(key) {
                // Likewise, cannot fail.
                let _ = mark_descriptors(session, |fd| close_on_exec(fd));
            }
        }
    }
}

fn mark_descriptors(
    session: &mut Session,
    mark: impl Fn(rustix::fd::BorrowedFd<'_>) -> sys::Result<()>,
) -> sys::Result<()> {
    for peer in [Peer::Client, Peer::Target] {
        session.socket(peer).map_or(Ok(()), &mark)?;
    }
    for direction in Direction::BOTH {
        if let Some(Holding::Pipe(pipe)) = session.holding(direction).as_deref() {
            pipe.ends().into_iter().try_for_each(&mark)?;
        }
    }
    Ok(())
}

fn saved(key: Key, session: &mut Session, route: u32) -> handover::Session {
    handover::Session {
        id: session.id,
        route,
        flow: handover::pack(&session.flow.to_numbers()),
        client: number(&session.client),
        target: session.target.as_ref().map(number),
        client_address: Some(saved_address(session.client_address)),
        target_address: session.target_address.map(saved_address),
        up: session.holding(Direction::Up).as_deref().map(held),
        down: session.holding(Direction::Down).as_deref().map(held),
        connecting: session.connecting.as_deref().map(connecting),
        options_due: session.options_due,
        key: key.to_bits(),
    }
}

fn held(holding: &Holding) -> handover::Held {
    match holding {
        Holding::Buffer(buffer) => {
            handover::Held { bytes: buffer.unsent().to_vec(), pipe_read: None, pipe_write: None }
        }
        Holding::Pipe(pipe) => {
            let [read, write] = pipe.ends().map(|end| number(&end));
            handover::Held { bytes: Vec::new(), pipe_read: Some(read), pipe_write: Some(write) }
        }
    }
}

fn connecting(connecting: &Connecting) -> handover::Connecting {
    let resolved = connecting.resolved.as_deref();
    handover::Connecting {
        attempts: connecting.attempts.to_numbers(),
        is_resolved: resolved.is_some(),
        resolved: resolved.unwrap_or_default().iter().copied().map(saved_socket_address).collect(),
        failure: connecting.failure.map(flow::SocketFailure::to_numbers).unwrap_or_default(),
        busy: connecting.busy.into(),
    }
}
