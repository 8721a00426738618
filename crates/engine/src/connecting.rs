//! The state of a session that is being connected: its sockets, and the targets that it tries.

use crate::permit::{Claim, Gate, Permit, Place};
use crate::target::Target;
use crate::target_address::TargetAddress;
use flow::{MOST_ATTEMPTS, NoTarget, Race, SocketFailure, Time};
use std::net::SocketAddr;
use std::sync::Arc;
use sys::Address;
use sys::kernel::Kernel;

/// The attempts of one session to connect. Boxed: it is larger than a session.
pub(crate) struct Connecting<K: Kernel> {
    pub(crate) race: Race,
    /// By number. The last one is that of the permit's target.
    pub(crate) rounds: Vec<Round>,
    /// By number.
    pub(crate) attempts: [Option<Attempt<K>>; MOST_ATTEMPTS],
    /// Number of attempts that found an address busy.
    pub(crate) busy: u8,
    /// Why the last selection found no target.
    pub(crate) no_target: Option<NoTarget>,
    /// Its claim, while it waits for a place and has tried no target.
    pub(crate) claim: Option<Claim>,
    /// It is in the worker's list of the sessions that wait.
    pub(crate) is_listed: bool,
}

/// The attempts at one target.
pub(crate) struct Round {
    pub(crate) target: Arc<Target>,
    /// Where its address is an answer of the resolver: the addresses in the order of the attempts.
    pub(crate) resolved: Option<Arc<[SocketAddr]>>,
    /// Its place, once the permit has a place in the next target; `None` after the last attempt.
    pub(crate) place: Option<Place>,
    /// The last failure of an attempt, or of the look-up of the name.
    pub(crate) failure: Option<SocketFailure>,
    /// The round has ended, and its result was counted.
    pub(crate) is_over: bool,
}

/// A socket that is being connected.
pub(crate) struct Attempt<K: Kernel> {
    pub(crate) socket: K::Socket,
    pub(crate) address: Address,
    pub(crate) started: Time,
}

impl<K: Kernel> Connecting<K> {
    /// No attempts yet, in a set of so many targets.
    pub(crate) fn new(now: Time, until: Time, targets: usize) -> Self {
        Self {
            race: Race::new(now, until, targets),
            rounds: Vec::with_capacity(1),
            attempts: [const { None }; MOST_ATTEMPTS],
            busy: 0,
            no_target: None,
            claim: None,
            is_listed: false,
        }
    }

    /// Adds the selected target. `permit` has a place in it.
    pub(crate) fn add(&mut self, target: &Arc<Target>, now: Time) {
        self.no_target = None;
        let addresses = (!target.address.is_resolved()).then_some(1);
        self.race.add_target(now, addresses, target.usual_connect_time());
        self.rounds.push(Round {
            target: Arc::clone(target),
            resolved: None,
            place: None,
            failure: None,
            is_over: false,
        });
    }

    /// Leaves the place in the permit's target to its round, so that the permit can enter the next target.
    /// Returns it if the round is over.
    pub(crate) fn set_place_aside(&mut self, permit: &mut Permit) -> Option<Place> {
        let place = permit.set_target_aside()?;
        match self.rounds.last_mut() {
            Some(round) if !round.is_over => {
                round.place = Some(place);
                None
            }
            _ => Some(place),
        }
    }

    /// The targets that were tried, for a quick search.
    pub(crate) fn tried(&self) -> Tried {
        let mut tried: Vec<usize> = self.rounds.iter().map(|round| id(&round.target)).collect();
        tried.sort_unstable();
        Tried(tried)
    }

    /// Whether checks have taken the target of this attempt down meanwhile.
    pub(crate) fn is_taken_down(&self, attempt: usize) -> bool {
        let round = self.race.round_of(attempt).and_then(|round| self.rounds.get(round));
        round.is_some_and(|round| round.target.checked.is_down())
    }

    /// The failure of the last target, which is the one that the record of the session names.
    pub(crate) fn failure(&self) -> Option<SocketFailure> {
        self.rounds.last()?.failure
    }

    /// Whether a round waits for the resolver.
    pub(crate) fn is_waiting_for_name(&self) -> bool {
        self.rounds.iter().any(Round::is_waiting_for_name)
    }

    /// The rounds that wait for the resolver.
    pub(crate) fn unresolved(&self) -> Vec<usize> {
        let is_waiting = |round: &usize| self.rounds[*round].is_waiting_for_name();
        (0..self.rounds.len()).filter(is_waiting).collect()
    }

    /// The numbers of the running attempts.
    pub(crate) fn running(&self) -> Vec<usize> {
        (0..MOST_ATTEMPTS).filter(|number| self.attempts[*number].is_some()).collect()
    }

    /// The sockets that are being connected.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = &K::Socket> {
        self.attempts.iter().flatten().map(|attempt| &attempt.socket)
    }

    /// Takes the sockets, to be reset.
    pub(crate) fn take_sockets(&mut self) -> impl Iterator<Item = K::Socket> {
        self.attempts.iter_mut().filter_map(|attempt| Some(attempt.take()?.socket))
    }

    /// The gates of the places beside that of the permit.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Gate> {
        let places = self.rounds.iter().filter_map(|round| round.place.as_ref());
        places.filter_map(Place::target).map(|target| &target.gate)
    }

    /// The places beside that of the permit, to be returned.
    pub(crate) fn take_places(&mut self) -> impl Iterator<Item = Place> {
        self.rounds.iter_mut().filter_map(|round| round.place.take())
    }
}

impl Round {
    /// Whether it waits for the resolver.
    pub(crate) fn is_waiting_for_name(&self) -> bool {
        self.target.address.is_resolved() && self.resolved.is_none() && !self.is_over
    }

    /// The target's address at `position`; `None` if it is a Unix socket.
    pub(crate) fn address_at(&self, position: usize) -> Option<SocketAddr> {
        match self.target.address {
            TargetAddress::Unix(_) => None,
            TargetAddress::Ip(address) => (position == 0).then_some(address),
            TargetAddress::Name(..) | TargetAddress::Set(..) => {
                self.resolved.as_ref()?.get(position).copied()
            }
        }
    }
}

/// The targets that a session has tried.
pub(crate) struct Tried(Vec<usize>);

impl Tried {
    /// None, of a session that has not begun.
    pub(crate) fn nothing() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, target: &Arc<Target>) -> bool {
        !self.0.is_empty() && self.0.binary_search(&id(target)).is_ok()
    }
}

/// Identifies a target among those that exist.
fn id(target: &Arc<Target>) -> usize {
    Arc::as_ptr(target).addr()
}
