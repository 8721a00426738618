//! Stage *permit*, the decision: the places of a session in the process, its forward and its client's share.

use crate::client_rules::CountedClient;
use crate::clients::{ClientPlace, Refused};
use crate::forward::Forward;
use crate::permit::{CheckedClient, Claim, Gate, Permit, PermitRequest, WorkerSet};
use crate::rule::Route;
use crate::rules::Rules;
use crate::select;
use crate::session::Session;
use crate::shared::Shared;
use flow::{Admission, AtLimit, ClientLimit, ClientState, Pool, Prefix, Share, Time};
use std::convert::Infallible;
use std::sync::Arc;
use sys::kernel::Kernel;

/// Why a connection gets no places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    /// A limit of the forward, the process or the targets is reached.
    Full(Admission),
    /// Its client has reached a limit of its own.
    Client(RefusedClient),
}

/// A client at a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefusedClient {
    pub(crate) client: Prefix,
    pub(crate) limit: ClientLimit,
    /// Places that it holds.
    pub(crate) places: u32,
}

impl<K: Kernel> Shared<K> {
    /// Takes the places of a new session on this route, or none. `client` is `None` if it is not counted.
    ///
    /// With `at_limit = "wait"`, the session also gets a claim to a place in a target until the selection, and
    /// `worker` gets [`Message::RoomAgain`](crate::message::Message::RoomAgain) when a place is free.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(crate) fn request(
        &self,
        route: &Arc<Route>,
        rules: &Rules,
        client: Option<CountedClient>,
        worker: usize,
        now: Time,
    ) -> Result<(Permit, Option<Claim>), NotAdmitted> {
        let (forward, at_limit) = (&route.forward, rules.at_limit);
        let share = self.share_of_process(rules);
        // Before the hello of a client, its targets are not known: it waits for them as a session.
        let has_targets = at_limit == AtLimit::Wait && !route.awaits_hello();
        let is_limited = has_targets && select::is_limited(route);
        let has_place = is_limited.then_some(|claims: u32| select::has_place(route, now, claims));
        let mut waiting = WorkerSet::default();
        let mut request = |client| {
            let request = PermitRequest { at_limit, worker, has_place, share, client };
            Permit::request(route, request, &self.gate, |workers| waiting.add(workers))
        };
        let Some(CountedClient { client, limits }) = client else {
            let requested = request(None);
            self.wake(waiting);
            return requested.map_err(NotAdmitted::Full);
        };
        let pool = || pool_of_clients(forward, &self.gate, share, 0);
        let mut full = Admission::Refuse;
        let admit = |state: ClientState| {
            // First: a client at its limit takes no place of another one, not for a moment.
            let counted = limits.admit(state, pool(), now).map_err(Some)?;
            match request(Some(CheckedClient { limits, places: state.places })) {
                Ok(places) => Ok((counted, places)),
                Err(admission) => {
                    full = admission;
                    // Another worker may have taken the place that was free.
                    Err(limits.share_of(state.places, pool()).err())
                }
            }
        };
        let entered = self.clients.enter(&forward.clients, client, now, admit);
        // Not before: other workers wait for the lock of the client's entry.
        self.wake(waiting);
        match entered {
            Ok((place, (mut permit, claim))) => {
                permit.set_client(Some(place));
                Ok((permit, claim))
            }
            Err(refused) => Err(not_admitted(client, refused, full)),
        }
    }

    /// Counts the client of a session that has its other places.
    ///
    /// # Errors
    /// The limit that it has reached.
    pub(crate) fn enter_client(
        &self,
        permit: &mut Permit,
        rules: &Rules,
        client: Option<CountedClient>,
        now: Time,
    ) -> Result<(), NotAdmitted> {
        let forward = Arc::clone(&permit.route().forward);
        self.leave_client(permit.take_client(), &forward);
        let Some(CountedClient { client, limits }) = client else { return Ok(()) };
        let share = self.share_of_process(rules);
        let admit = |state| {
            let pool = pool_of_clients(&forward, &self.gate, share, 1);
            limits.admit(state, pool, now).map(|counted| (counted, ())).map_err(Some)
        };
        match self.clients.enter(&forward.clients, client, now, admit) {
            Ok((place, ())) => {
                permit.set_client(Some(place));
                Ok(())
            }
            Err(refused) => Err(not_admitted(client, refused, Admission::Refuse)),
        }
    }

    /// Counts the client of a session anew, under other rules or in another process image. May exceed the limits.
    pub(crate) fn recount(&self, session: &mut Session<K>, now: Time) {
        let rules = session.rules();
        let client = if session.awaits_header() {
            rules.clients.client_at_accept(session.client_address)
        } else {
            rules.clients.client(session.limited_address())
        };
        drop(rules);
        self.count_as(session, client, now);
    }

    /// Counts the client of a session that begins under other rules than those by which it was accepted.
    pub(crate) fn recount_accepted(&self, session: &mut Session<K>, rules: &Rules, now: Time) {
        let client = rules.clients.client_at_accept(session.client_address);
        self.count_as(session, client, now);
    }

    fn count_as(&self, session: &mut Session<K>, client: Option<CountedClient>, now: Time) {
        let forward = Arc::clone(&session.route().forward);
        let entered = client.and_then(|CountedClient { client, .. }| {
            let admit = |state: ClientState| Ok::<_, Option<Infallible>>((state.one_more(), ()));
            self.clients.enter(&forward.clients, client, now, admit).ok()
        });
        let old = session.permit.take_client();
        session.permit.set_client(entered.map(|(place, ())| place));
        self.leave_client(old, &forward);
    }

    fn leave_client(&self, place: Option<ClientPlace>, forward: &Forward) {
        if let Some(place) = place {
            self.clients.leave(&forward.clients, place);
        }
    }

    /// The share of a forward in the places of the process. A lone forward may have them all.
    fn share_of_process(&self, rules: &Rules) -> Option<Share> {
        rules.clients.limits.share.filter(|_| self.has_several_forwards())
    }

    /// Whether the process has free places, and the share of the forward keeps it from them.
    pub(crate) fn is_at_its_share(&self, forward: &Forward) -> bool {
        let share = self.share_of_process(&forward.rules());
        let process = self.gate.pool();
        process.free() > 0 && share.is_some_and(|it| process.room(it, forward.gate.taken()) == 0)
    }
}

/// By a limit of the client, or else because there is no room.
fn not_admitted(
    client: Prefix,
    refused: Option<Refused<ClientLimit>>,
    full: Admission,
) -> NotAdmitted {
    refused.map_or(NotAdmitted::Full(full), |Refused { limit, places }| {
        NotAdmitted::Client(RefusedClient { client, limit, places })
    })
}

/// The places that the clients of a forward share: its own, as far as the process has room for them. `own` is
/// the number of places that are already taken for the session.
fn pool_of_clients(forward: &Forward, process: &Gate, share: Option<Share>, own: u32) -> Pool {
    let without_own = |pool: Pool| Pool { taken: pool.taken.saturating_sub(own), ..pool };
    let (process, forward) = (without_own(process.pool()), without_own(forward.gate.pool()));
    forward.within(share.map_or(process.free(), |share| process.room(share, forward.taken)))
}
