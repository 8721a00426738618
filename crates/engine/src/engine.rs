//! The running engine, as its caller holds it: configuration, commands and views.

use crate::arrange::Applied;
use crate::clients::ClientSnapshot;
use crate::counters::Sums;
use crate::forward_view::ForwardView;
use crate::listener::Listener;
use crate::message::Message;
use crate::observer::Observer;
use crate::operator::NotSwitched;
use crate::publish::Published;
use crate::publish_sets::SetsReplaced;
use crate::report::Reports;
use crate::running::{Forwards, Unbound};
use crate::sets::SetMember;
use crate::shared::Shared;
use plan::ListenAddress;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;
use sys::kernel::{Kernel, Linux, Socket as _};

/// The running data plane.
pub struct Engine<K: Kernel = Linux> {
    pub(crate) shared: Arc<Shared<K>>,
    /// The threads of the workers; none if the caller runs them.
    pub(crate) threads: Vec<JoinHandle<()>>,
    /// Gets a message from each worker that ends.
    pub(crate) ended: Receiver<()>,
    pub(crate) forwards: Forwards<K>,
}

impl<K: Kernel> Engine<K> {
    /// Makes `forwards` the running configuration, at the start and at each reload.
    ///
    /// All or nothing: new addresses are bound first. If that fails for a forward that `may_skip`
    /// rejects, or would leave the process without any listener, nothing has changed. A new address may
    /// overlap a removed one (`:80` and `127.0.0.1:80`): one of the two listens at every moment. A lost
    /// file of a Unix socket is made again. Listeners and sessions of unchanged forwards are not
    /// affected. A changed forward keeps its listeners where their addresses stay, and its sessions,
    /// which get the new limits and timeouts. Sessions of a removed forward go on.
    ///
    /// # Errors
    /// The forwards that prevented the change.
    pub fn apply(
        &mut self,
        forwards: &[Arc<plan::Forward>],
        may_skip: &dyn Fn(&plan::Forward) -> bool,
    ) -> Result<Applied<K>, Vec<Unbound>> {
        self.forwards.apply(forwards, may_skip, &self.shared)
    }

    /// Decides like [`Self::apply`]: binds new addresses without listening, and closes the sockets.
    /// Changes nothing, and affects no client.
    ///
    /// # Errors
    /// Those of [`Self::apply`].
    pub fn try_apply(
        &mut self,
        forwards: &[Arc<plan::Forward>],
        may_skip: &dyn Fn(&plan::Forward) -> bool,
    ) -> Result<Vec<Unbound>, Vec<Unbound>> {
        self.forwards.try_apply(forwards, may_skip, &self.shared)
    }

    /// Retries the unbound addresses of forwards that were skipped by [`Self::apply`] or
    /// [`Self::restore`], and makes lost files of Unix sockets again. Open listeners are not affected.
    /// The result lists the forwards that are still skipped.
    pub fn retry_skipped(&mut self) -> Applied<K> {
        self.forwards.retry_skipped(&self.shared)
    }

    /// Returns to an earlier configuration, as far as its addresses can be bound: a forward with several
    /// addresses listens at those that can. It may leave no listener at all. Forwards named in `drained`
    /// are restored as drained. The result lists the skipped forwards, each with its first address that
    /// could not be bound: their state is [`ForwardState::Skipped`](crate::ForwardState::Skipped), and [`Self::retry_skipped`]
    /// completes them.
    pub fn restore(
        &mut self,
        forwards: &[Arc<plan::Forward>],
        drained: &BTreeSet<String>,
    ) -> Applied<K> {
        self.forwards.restore(forwards, drained, &self.shared)
    }

    /// Drains a forward: closes its listeners; its sessions go on.
    ///
    /// # Errors
    /// [`NotSwitched::NoForward`], or [`NotSwitched::Already`] if it is drained.
    pub fn drain_forward(&mut self, name: &str) -> Result<Published<K>, NotSwitched> {
        self.forwards.drain(name, &self.shared)
    }

    /// Drains a target of a forward, or lets it take sessions again. Open sessions go on.
    ///
    /// # Errors
    /// [`NotSwitched::NoForward`], [`NotSwitched::NoTarget`], or [`NotSwitched::Already`] if it is in that
    /// state.
    pub fn set_target_drained(
        &mut self,
        name: &str,
        target: &str,
        drained: bool,
    ) -> Result<(), NotSwitched> {
        self.forwards.set_target_drained(name, target, drained, &self.shared)
    }

    /// Makes a drained or skipped forward listen again.
    ///
    /// # Errors
    /// Every variant of [`NotSwitched`]; the listeners of the forward then stay as they were.
    pub fn resume_forward(&mut self, name: &str) -> Result<Published<K>, NotSwitched> {
        self.forwards.resume(name, &self.shared)
    }

    /// Replaces the members of these sets, by name as in [`set_of`](crate::set_of): the targets of all forwards that have
    /// them, now and after later calls of [`Self::apply`]. Costs no visit to a session. An address that
    /// stays keeps its state; open sessions go on.
    pub fn replace_sets(&mut self, sets: Vec<(Arc<str>, Vec<SetMember>)>) -> SetsReplaced {
        self.forwards.replace_sets(sets, &self.shared)
    }

    /// Forgets the members of sets other than these.
    pub fn retain_sets(&mut self, names: &HashSet<Arc<str>>) {
        self.forwards.sets.retain(names);
    }

    /// Whether [`Self::tidy`] has work: forwards or targets that were removed and are not forgotten, or may
    /// have been.
    pub fn needs_tidy(&self) -> bool {
        self.forwards.needs_tidy()
    }

    /// Forgets removed forwards and targets whose sessions have ended, and resets the sessions of those
    /// that were removed at least `removed_timeout` ago. With `keeps_drained`, removed forwards with drained
    /// targets stay: an earlier configuration may come back.
    pub fn tidy(&mut self, removed_timeout: Option<Duration>, keeps_drained: bool) {
        self.forwards.tidy(removed_timeout, keeps_drained, &self.shared);
    }

    /// All forwards: the configured ones, in their order, then removed ones that are not forgotten
    /// ([`Self::tidy`]).
    pub fn forwards(&self) -> impl Iterator<Item = ForwardView<'_, K>> {
        self.forwards.views()
    }

    /// The clients of all forwards now, for [`ForwardView::clients`].
    pub fn clients(&self) -> ClientSnapshot {
        self.shared.clients.snapshot()
    }

    /// Counters of all forwards since the start of the process, removed forwards included.
    pub fn sums(&self) -> Sums {
        self.forwards.sums()
    }

    /// A handle for queries from other threads.
    pub fn observer(&self) -> Observer<K> {
        Observer(Arc::clone(&self.shared))
    }

    /// The listen addresses, as configured.
    pub fn listen_addresses(&self) -> impl Iterator<Item = String> + '_ {
        self.forwards.listeners().map(|listener| listener.address.to_string())
    }

    /// Number of open listeners.
    pub fn listeners(&self) -> usize {
        self.forwards.listeners().count()
    }

    /// Sockets of all listeners that this process has bound itself.
    pub fn own_sockets(&self) -> impl Iterator<Item = (&ListenAddress, &K::Socket)> {
        let is_own =
            |listener: &&Listener<K>| !matches!(listener.address, ListenAddress::Activated(_));
        self.forwards.listeners().filter(is_own).flat_map(|listener| {
            listener.sockets().map(|(_, socket)| (&listener.address, &**socket))
        })
    }

    /// Leaves the files of these Unix sockets in place when the process ends, because a service manager
    /// keeps the sockets.
    pub fn leave_files(&mut self, is_kept: impl Fn(&ListenAddress) -> bool) {
        self.forwards.leave_files(is_kept);
    }

    /// The queue of the workers' reports.
    pub fn reports(&self) -> Reports<K> {
        Reports(Arc::clone(&self.shared.outbox))
    }

    /// Number of open sessions.
    pub fn sessions(&self) -> u32 {
        self.shared.gate.taken()
    }

    /// Limit on the sessions of all forwards together.
    pub fn max_sessions(&self) -> u32 {
        self.shared.gate.limit()
    }

    /// Changes [`Self::max_sessions`] for new sessions; open ones stay, even beyond it.
    pub fn set_max_sessions(&self, limit: u32) {
        self.shared.wake(self.shared.gate.set_limit(limit));
    }

    /// Sets for how long a worker that has just had work polls before it sleeps; zero is not at all.
    pub fn set_spin(&self, span: Duration) {
        self.shared.broadcast(|| Message::Spin(span));
    }

    /// Closes all listeners; sessions go on.
    pub fn drain(&mut self) {
        self.shared.broadcast(|| Message::Drain);
        self.forwards.close();
    }

    /// Resets all open sessions.
    pub fn cut(&self) {
        self.shared.broadcast(|| Message::Cut);
    }

    /// Resets all open sessions and ends the workers. Waits for them, at most for `limit`.
    pub fn stop(self, limit: Duration) {
        self.shared.broadcast(|| Message::Stop);
        let kernel = &self.shared.kernel;
        let until = kernel.now().after(limit);
        let ended = |_: &Arc<_>| kernel.wait_for(&self.ended, until.since(kernel.now())).is_some();
        // A hanging worker ends with the process.
        if self.shared.mailboxes.iter().all(ended) {
            // A panic was printed on standard error.
            self.threads.into_iter().for_each(|thread| _ = thread.join());
        }
        // Connections may have been handed to a worker that had ended.
        for message in self.shared.mailboxes.iter().flat_map(|mailbox| mailbox.take()) {
            if let Message::Adopt(accepted) = message {
                accepted.socket.reset();
                self.shared.release_claim(accepted.claim);
                self.shared.release(accepted.permit);
            }
        }
    }
}
