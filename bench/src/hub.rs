//! One epoll instance, its sessions, and their alarms: all servers and the verifying client.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use sys::{Epoll, Event, Events};

use crate::failure::{Context, Result};
use crate::slots::Slots;
use crate::stats::{size, wide};

/// Events taken in one turn.
const ROOM: usize = 512;

/// The token of the listening socket; no place of a session has this number.
const LISTENER: u64 = u64::MAX;

/// Connections accepted in one turn.
const ACCEPTS: usize = 64;

/// What shall happen to a session after it was served.
#[derive(Debug)]
pub(crate) enum Next {
    /// Wait for the next event.
    Keep,
    /// Serve it again in the next turn: it stopped only to let others have theirs.
    Again,
    /// Serve it again at this time, or at an event before.
    At(Instant),
    /// Close the session.
    Close,
    /// Close it with an RST.
    Reset,
}

/// The protocol that a hub runs on its sessions.
pub(crate) trait Service {
    /// State of one session.
    type Session;

    /// A session that was accepted.
    fn open(&mut self) -> Self::Session;

    /// Handles a possible event of a session. `mark` says that the end of the stream or an error
    /// may follow the pending bytes.
    fn ready(&mut self, socket: BorrowedFd<'_>, session: &mut Self::Session, mark: bool) -> Next;
}

/// A connection with its state.
struct Place<T> {
    socket: OwnedFd,
    session: T,
    /// It is in the list of those that are served in the next turn: once, however many events
    /// come meanwhile.
    listed: bool,
    /// An event announced an end or an error behind the pending bytes. Edge-triggered epoll does
    /// not repeat it.
    marked: bool,
}

/// The sessions of a service.
pub(crate) struct Hub<S: Service> {
    /// The protocol of all sessions.
    pub(crate) service: S,
    epoll: Epoll,
    events: Events,
    sessions: Slots<Place<S::Session>>,
    alarms: BinaryHeap<Reverse<(Instant, usize)>>,
    again: Vec<usize>,
    listener: Option<OwnedFd>,
}

impl<S: Service> Hub<S> {
    /// A hub without sessions.
    pub(crate) fn new(service: S, listener: Option<OwnedFd>) -> Result<Self> {
        let epoll = Epoll::new()?;
        if let Some(listener) = &listener {
            epoll.add_listener(listener.as_fd(), LISTENER)?;
        }
        Ok(Self {
            service,
            epoll,
            events: Events::with_room_for(ROOM),
            sessions: Slots::new(),
            alarms: BinaryHeap::new(),
            again: Vec::new(),
            listener,
        })
    }

    /// Takes a connection in.
    pub(crate) fn add(&mut self, socket: OwnedFd, session: S::Session) -> Result<()> {
        let index = self.sessions.insert(Place { socket, session, listed: false, marked: false });
        if let Some(place) = self.sessions.get_mut(index) {
            self.epoll.add_connection(place.socket.as_fd(), wide(index))?;
        }
        Ok(())
    }

    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Waits, at most for `limit`, and serves every session that has something to do.
    pub(crate) fn turn(&mut self, limit: Option<Duration>) -> Result<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_room_for(0));
        let waited = self.epoll.wait(&mut events, self.patience(limit));
        let again = std::mem::take(&mut self.again);
        for event in events.iter() {
            self.event(&event)?;
        }
        self.events = events;
        // The list of the last turn; a session that is not done yet comes into the next one.
        for index in again {
            if let Some(place) = self.sessions.get_mut(index) {
                place.listed = false;
            }
            self.serve(index);
        }
        if !self.alarms.is_empty() {
            self.ring(Instant::now());
        }
        waited.context("wait for events")
    }

    /// Serves every session, whether it has an event or not.
    pub(crate) fn serve_all(&mut self) {
        for index in self.sessions.indices() {
            self.serve(index);
        }
    }

    fn patience(&self, limit: Option<Duration>) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let alarm = self.alarms.peek().map(|Reverse((time, _))| *time);
        let until_alarm = alarm.map(|time| time.saturating_duration_since(Instant::now()));
        [limit, until_alarm].into_iter().flatten().min()
    }

    fn event(&mut self, event: &Event) -> Result<()> {
        if event.token == LISTENER {
            return self.accept();
        }
        // An event of a session that has ended since may find another in its place. That one is
        // served without need, which does no harm.
        let index = size(event.token);
        if let Some(place) = self.sessions.get_mut(index) {
            place.marked |= event.mark;
        }
        self.serve(index);
        Ok(())
    }

    fn accept(&mut self) -> Result<()> {
        for _ in 0..ACCEPTS {
            let Some(listener) = &self.listener else { break };
            match sys::listen::accept(listener.as_fd()) {
                Ok((socket, _)) => {
                    let session = self.service.open();
                    self.add(socket, session)?;
                }
                Err(sys::Errno::AGAIN) => break,
                Err(sys::Errno::CONNABORTED | sys::Errno::INTR) => {}
                Err(error) => return Err(error).context("accept"),
            }
        }
        Ok(())
    }

    fn ring(&mut self, now: Instant) {
        while let Some(Reverse((time, index))) = self.alarms.peek().copied() {
            if time > now {
                break;
            }
            self.alarms.pop();
            self.serve(index);
        }
    }

    fn serve(&mut self, index: usize) {
        let Some(place) = self.sessions.get_mut(index).filter(|place| !place.listed) else {
            return;
        };
        match self.service.ready(place.socket.as_fd(), &mut place.session, place.marked) {
            Next::Keep => {}
            Next::Again => {
                place.listed = true;
                self.again.push(index);
            }
            Next::At(time) => self.alarms.push(Reverse((time, index))),
            Next::Close => drop(self.sessions.remove(index)),
            Next::Reset => {
                if let Some(place) = self.sessions.remove(index) {
                    sys::socket::reset(place.socket);
                }
            }
        }
    }
}
