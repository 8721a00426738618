//! Saves a worker's sessions for the next process image.

use super::Worker;
use crate::connecting::Connecting;
use crate::holding::Holding;
use crate::rule::Route;
use crate::session::Session;
use crate::slots::Key;
use crate::table::Entry;
use crate::target::Target;
use crate::upgrade::saved_address;
use flow::{Direction, Peer, SendProxy};
use std::collections::HashMap;
use std::sync::Arc;
use sys::kernel::{Descriptor, Kernel, Pipe as _};

/// The routes of a worker's sessions: one entry per pair of route and target.
#[derive(Default)]
struct Routes {
    positions: HashMap<(*const Route, *const Target), u32>,
    routes: Vec<handover::Route>,
}

impl Routes {
    /// `EOVERFLOW` if the position does not fit the message: no session may be filed under another
    /// route.
    fn position<K: Kernel>(&mut self, session: &Session<K>) -> sys::Result<u32> {
        let (route, target) = (session.route(), session.last_target());
        // One that waits for its first place selects in the next image, too: any target stands for it.
        let first = || route.targets.load().members().first().map(|it| Arc::clone(&it.target));
        let target = target.map(Arc::clone).or_else(first);
        let key = (Arc::as_ptr(route), target.as_ref().map_or(std::ptr::null(), Arc::as_ptr));
        if let Some(position) = self.positions.get(&key) {
            return Ok(*position);
        }
        let position = u32::try_from(self.routes.len()).map_err(|_| sys::Errno::OVERFLOW)?;
        self.routes.push(handover::Route {
            forward: route.forward.name.to_string(),
            listen: route.listen.to_string(),
            target: target.map_or_else(String::new, |target| target.text.to_string()),
            rule: route.rule.as_ref().map_or_else(String::new, ToString::to_string),
        });
        self.positions.insert(key, position);
        Ok(position)
    }
}

impl<K: Kernel> Worker<K> {
    /// Saves all sessions, and marks their descriptors to stay open over execve(2).
    pub(crate) fn save(&mut self) -> sys::Result<Vec<u8>> {
        self.context.epoll.keep_over_exec()?;
        let mut routes = Routes::default();
        let keys = self.table.slots().keys();
        let mut sessions = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(Entry { session, .. }) = self.table.entry(key) else { continue };
            let route = routes.position(session)?;
            mark_descriptors(session, K::Socket::keep_over_exec, K::Pipe::keep_over_exec)?;
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
        let _ = self.context.epoll.close_on_exec();
        let keys: Vec<Key> = self.table.slots().keys();
        for key in keys {
            if let Some(Entry { session, .. }) = self.table.entry(key) {
                // Likewise, cannot fail.
                let _ = mark_descriptors(session, K::Socket::close_on_exec, K::Pipe::close_on_exec);
            }
        }
    }
}

fn mark_descriptors<K: Kernel>(
    session: &mut Session<K>,
    mark_socket: impl Fn(&K::Socket) -> sys::Result<()>,
    mark_pipe: impl Fn(&K::Pipe) -> sys::Result<()>,
) -> sys::Result<()> {
    for peer in [Peer::Client, Peer::Target] {
        session.socket(peer).map_or(Ok(()), &mark_socket)?;
    }
    session.connecting.iter().flat_map(|it| it.sockets()).try_for_each(&mark_socket)?;
    for direction in Direction::BOTH {
        if let Some(Holding::Pipe(pipe)) = session.holding(direction).as_deref() {
            mark_pipe(pipe)?;
        }
    }
    Ok(())
}

fn saved<K: Kernel>(key: Key, session: &mut Session<K>, route: u32) -> handover::Session {
    handover::Session {
        id: session.id,
        route,
        flow: handover::pack(&session.flow.to_numbers()),
        client: session.client.number(),
        target: session.target.as_ref().map(K::Socket::number),
        client_address: Some(saved_address(session.client_address)),
        // A session that is being connected begins again.
        target_address: session
            .target_address
            .filter(|_| session.connecting.is_none())
            .map(saved_address),
        up: session.holding(Direction::Up).as_deref().map(held),
        down: session.holding(Direction::Down).as_deref().map(held),
        connecting: session.connecting.as_deref().map(connecting),
        options_due: session.flags.options_due(),
        key: key.to_bits(),
        attempts: session.attempts.into(),
        proxy_address: session.proxied().map(|proxied| saved_address(proxied.proxy)),
        proxy_header: session
            .proxied()
            .map_or_else(Vec::new, |it| SendProxy::V2.header_with(&it.addresses, &it.tlvs)),
        server_name: session.server_name().map_or_else(String::new, String::from),
        proxy_header_length: session.proxied().map_or(0, |it| it.header_length.into()),
    }
}

fn held<K: Kernel>(holding: &Holding<K>) -> handover::Held {
    match holding {
        Holding::Buffer(buffer) => {
            handover::Held { bytes: buffer.unsent().to_vec(), pipe_read: None, pipe_write: None }
        }
        Holding::Pipe(pipe) => {
            let [read, write] = pipe.numbers();
            handover::Held { bytes: Vec::new(), pipe_read: Some(read), pipe_write: Some(write) }
        }
    }
}

/// The next image resets the sockets and starts again, within the same time.
fn connecting<K: Kernel>(connecting: &Connecting<K>) -> handover::Connecting {
    handover::Connecting {
        attempts: connecting.race.to_numbers(),
        sockets: connecting.sockets().map(K::Socket::number).collect(),
        ..handover::Connecting::default()
    }
}
