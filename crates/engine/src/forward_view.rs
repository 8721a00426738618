//! The state of a forward as shown to operators.

use crate::clients::{Client, ClientSnapshot};
use crate::counters::{Attempts, Totals};
use crate::forward::Forward;
use crate::listen_error::ListenError;
use crate::listener::Listener;
use crate::rule::{Route, with_routes_by_hello};
use crate::select;
use crate::target::Target;
use crate::target_view::TargetView;
use flow::{Prefix, Time};
use plan::ListenAddress;
use std::fmt;
use std::sync::Arc;
use sys::FileState;
use sys::kernel::{Kernel, Linux, Socket as _};

/// The current state of a forward.
#[derive(Clone, Copy)]
pub struct ForwardView<'a, K: Kernel = Linux> {
    /// Its configuration; of a removed forward, the last one.
    pub plan: &'a plan::Forward,
    /// Whether it takes sessions.
    pub state: ForwardState,
    /// Why a skipped forward could not be bound.
    pub unbound: Option<&'a ListenError>,
    pub(crate) forward: &'a Forward,
    pub(crate) routes: &'a [Arc<Route>],
    pub(crate) listeners: &'a [Listener<K>],
}

/// A client of a forward.
#[derive(Clone, Copy, Debug)]
pub struct ClientView {
    /// The prefix by which it is counted; `None` stands for all clients that came when the table was full.
    pub client: Option<Prefix>,
    /// Places that it holds: its open sessions.
    pub places: u32,
    /// Its refused connections, since the table last dropped its entry.
    pub refused: u32,
    /// When it took the first of its places, in whole seconds.
    pub since: Time,
}

/// Whether a forward takes sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardState {
    /// It listens and takes sessions.
    Active,
    /// Drained by an operator: it takes no sessions.
    Draining,
    /// An address could not be bound, and the process runs without it.
    Skipped,
    /// No longer configured; sessions that it took are still open.
    Removed,
}

/// A Unix listener whose file is not in its place.
#[derive(Clone, Copy, Debug)]
pub struct LostFile<'a> {
    /// The listen address, with the path.
    pub listen: &'a ListenAddress,
    /// Whether the file is missing or was replaced.
    pub state: FileState,
}

impl fmt::Display for LostFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loss = match self.state {
            FileState::Replaced => {
                "another program replaced the socket's file, so clients cannot reach it: remove the \
                 new file, and reload"
            }
            FileState::Missing | FileState::Present => {
                "another program removed the socket's file, so clients cannot reach it: a reload \
                 makes it again"
            }
        };
        write!(f, "listen {}: {loss}", self.listen)
    }
}

impl<K: Kernel> ForwardView<'_, K> {
    /// Number of open sessions.
    pub fn sessions(&self) -> u32 {
        self.forward.gate.taken()
    }

    /// Its clients in `all` that hold places, or were refused and are not forgotten, in no particular order. Empty
    /// if it counts none, and at a second call.
    pub fn clients(&self, all: &mut ClientSnapshot) -> Vec<ClientView> {
        let rules = self.forward.rules();
        let clients = all.take(&self.forward.clients).into_iter();
        let view = |client: Client| ClientView {
            client: client.address.map(|bits| rules.clients.prefix_of(bits)),
            places: client.places,
            refused: client.refused,
            since: client.since,
        };
        clients.map(view).collect()
    }

    /// Whether it counts its clients.
    pub fn counts_clients(&self) -> bool {
        !self.forward.rules().clients.limits.are_off()
    }

    /// Two counters since the first session. Takes no lock, and a fraction of the time of [`Self::totals`].
    pub fn attempts(&self) -> Attempts {
        self.forward.counters.attempts()
    }

    /// Counters since the first session.
    pub fn totals(&self) -> Totals {
        self.forward.counters.totals()
    }

    /// Its targets, in the order of the configuration.
    pub fn targets(&self) -> Vec<TargetView> {
        TargetView::of_routes(self.routes)
    }

    /// Whether a target is out of use, after failed connects or checks, or unreachable. Cheaper than [`Self::targets`].
    pub fn has_failing_target(&self) -> bool {
        with_routes_by_hello(self.routes).iter().any(|route| {
            let (set, rules) = (route.targets.load(), route.forward.rules());
            let has_passive_health = set.has_passive_health(&rules);
            let is_failing = |target: &Target| {
                let is_reachable = rules.active.is_some() || target.reach.is_fine();
                !is_reachable || target.is_down_in(has_passive_health)
            };
            set.members().iter().any(|member| is_failing(&member.target))
        })
    }

    /// Whether all targets of a listener that may serve are at their own limits. A target that is shown as down
    /// counts as such, also when a client may try it.
    pub fn has_full_targets(&self) -> bool {
        let is_full = |route: &Arc<Route>| !select::has_place(route, Time::from_micros(0), 0);
        with_routes_by_hello(self.routes).iter().any(is_full)
    }

    /// The address of a listener whose targets are all drained, or those of one of its routes, whose name is
    /// the second; `None` if there is none.
    pub fn drained_listener(&self) -> Option<(Arc<str>, Option<String>)> {
        let is_drained = |route: &&Arc<Route>| {
            let set = route.targets.load();
            let members = set.members();
            !members.is_empty() && members.iter().all(|member| member.target.is_drained())
        };
        let routes = with_routes_by_hello(self.routes);
        let drained = routes.iter().find(is_drained)?;
        let rule = drained.rule.as_ref().map(flow::HelloRule::name);
        Some((Arc::clone(&drained.listen), rule))
    }

    /// Unix listeners that clients cannot reach, because another program removed or replaced their
    /// files. One system call per Unix listener.
    pub fn lost_files(&self) -> impl Iterator<Item = LostFile<'_>> {
        self.listeners.iter().filter_map(|listener| {
            let state = listener.file_state();
            (state != FileState::Present).then_some(LostFile { listen: &listener.address, state })
        })
    }

    /// Why clients cannot reach the forward or one of its listeners: an address could not be bound, or
    /// the file of a Unix socket is gone.
    pub fn error(&self) -> Option<String> {
        let lost = || self.lost_files().next().map(|lost| lost.to_string());
        self.unbound.map(ToString::to_string).or_else(lost)
    }

    /// Connections in the accept queues of all its listeners.
    pub fn backlog(&self) -> u32 {
        let sockets = self.listeners.iter().flat_map(Listener::sockets);
        sockets.map(|(_, socket)| socket.waiting()).sum()
    }
}
