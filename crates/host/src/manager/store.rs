//! Listeners in the service manager's file descriptor store. It holds them open while no process
//! runs, so clients wait in the queue instead of being refused.

use super::Notifier;
use super::fd_name::name_of;
use engine::Engine;
use plan::ListenAddress;
use std::collections::{HashMap, HashSet};
use std::env;
use std::os::fd::AsFd;
use sys::{BorrowedFd, FileId};

/// The file descriptor store, and its contents as sent by this process.
pub struct Store {
    /// Notifications to the same manager.
    pub notifier: Notifier,
    /// Maximum number of sockets in the store; 0 if there is none.
    room: usize,
    /// Stored sockets by name, with their inodes; `None` if another process or image stored them.
    stored: HashMap<String, Option<FileId>>,
    is_full: bool,
}

impl Store {
    /// The store with the size in `FDSTORE`, which already contains `stored`.
    pub fn from_environment(notifier: Notifier, stored: HashSet<String>) -> Self {
        let room = env::var("FDSTORE").ok().and_then(|room| room.parse().ok());
        let room = room.filter(|_| notifier.is_on()).unwrap_or(0);
        let stored = stored.into_iter().map(|name| (name, None)).collect();
        Self { notifier, room, stored, is_full: false }
    }

    /// Removes sockets from the store, and waits until their addresses are free.
    pub fn remove(&mut self, names: impl IntoIterator<Item = String>) {
        let mut any = false;
        for name in names {
            if !self.notifier.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), None) {
                return;
            }
            self.stored.remove(&name);
            any = true;
        }
        if any {
            self.notifier.wait_until_read();
        }
    }

    /// Makes the store contain the engine's present listeners. Call it after each change of them.
    pub fn follow(&mut self, engine: &Engine) {
        if self.room == 0 && self.stored.is_empty() {
            return;
        }
        let own = engine.own_sockets();
        let named = own.filter_map(|(address, socket)| Some((name_of(address)?, socket.as_fd())));
        let listeners: HashMap<String, BorrowedFd<'_>> = named.collect();
        // A name may belong to a new socket: a Unix socket whose file was removed is bound again.
        let is_gone = |name: &str, stored: Option<FileId>| match listeners.get(name) {
            None => true,
            Some(socket) => stored.is_some() && stored != FileId::of_descriptor(*socket),
        };
        let gone = self.stored.iter().filter(|(name, stored)| is_gone(name, **stored));
        self.remove(gone.map(|(name, _)| name.clone()).collect::<Vec<_>>());
        for (name, socket) in listeners {
            let id = FileId::of_descriptor(socket);
            if let Some(stored) = self.stored.get_mut(&name) {
                *stored = id;
                continue;
            }
            if self.stored.len() >= self.room {
                return self.warn_full();
            }
            if !self.notifier.send(&format!("FDSTORE=1\nFDNAME={name}"), Some(socket)) {
                return;
            }
            self.stored.insert(name, id);
        }
    }

    /// Names of the stored sockets.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.stored.keys().map(String::as_str)
    }

    /// Whether the store contains the listener at this address.
    pub fn has(&self, address: &ListenAddress) -> bool {
        name_of(address).is_some_and(|name| self.stored.contains_key(&name))
    }

    /// Logs once that the store is full.
    fn warn_full(&mut self) {
        if self.room > 0 && !std::mem::replace(&mut self.is_full, true) {
            tracing::warn!(
                limit = self.room,
                "there are more listeners than the service manager keeps: \
                 raise FileDescriptorStoreMax="
            );
        }
    }
}
