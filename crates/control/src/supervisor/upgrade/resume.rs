//! The next image: finds the state of the previous one, and resumes it.

use super::protocol::VARIABLE;
use super::{Arrival, LastUpgrade, RetryPolicy, state};
use crate::admin::{AdminHandoff, AdminListeners, Interface, interface_of};
use crate::serve_error::ServeError;
use crate::start::start_engine;
use crate::supervisor::Supervisor;
use crate::supervisor::reload::Restoring;
use crate::supervisor::sets::set_members;
use handover::{Damage, File, Part};
use host::{AdminTokens, Capacity, Notifier, Sandbox, Store, capacity, workers};
use observe::Version;
use observe::log::PreviousOutput;
use plan::{InForce, Plan, Problems, Process};
use std::fs;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use sys::handoff::{DescriptorKind, claim, claim_all};

/// The state of the previous process image.
#[derive(Default)]
pub struct Handover {
    /// The process as a whole; `None` if it cannot be decoded.
    pub(crate) process: Option<handover::Process>,
    /// The listeners; `None` if they cannot be decoded.
    pub(crate) forwards: Option<handover::Forwards>,
    /// The sessions of each worker, encoded.
    pub(crate) workers: Vec<Vec<u8>>,
    /// Listening sockets, found by asking the kernel if the state does not list them.
    sockets: Vec<OwnedFd>,
    /// Damage of the state.
    pub(crate) damage: Option<Damage>,
    /// Warnings for the operator about anything that the upgrade could not keep.
    warnings: Vec<String>,
}

impl Handover {
    /// The state for this process, if it was executed by an upgrade.
    pub fn find() -> Option<Self> {
        let value = std::env::var(VARIABLE).ok()?;
        let (fd, pid) = value.split_once(':')?;
        let is_ours = pid.parse() == Ok(std::process::id());
        let memory = claim(fd.parse().ok().filter(|_| is_ours)?).ok()?;
        // After execve(2) through a descriptor, the kernel uses its number as the name. Without the
        // right name the process runs, too.
        let _ = sys::exec::set_command_name("traffic-forward");
        let mut handover = Self::read(memory);
        if handover.forwards.is_none() || handover.process.is_none() {
            handover.sockets = claim_all(&[DescriptorKind::Listener]);
        }
        Some(handover)
    }

    /// Reads the state from `memory`. Missing parts are left out, with the damage.
    pub(super) fn read(memory: OwnedFd) -> Self {
        let mut bytes = Vec::new();
        // After an error, decoding finds the missing part.
        let _ = read_whole(memory, &mut bytes);
        let file = File::read(&bytes);
        let (process, forwards) = state::read(&file);
        let incomplete = process.is_none() || forwards.is_none();
        Self {
            process,
            forwards,
            workers: file.all(Part::Worker).map(<[u8]>::to_vec).collect(),
            sockets: Vec::new(),
            warnings: Vec::new(),
            damage: file.damage.or(incomplete.then_some(Damage::Part)),
        }
    }

    /// Reads the running configuration, which stays in force even if its file has changed.
    pub fn read_plan(&self, input: &plan::Input) -> plan::Reading {
        let Some(process) = &self.process else { return plan::read(input) };
        let reading = match &process.config_text {
            Some(text) => {
                let published = process.published.as_ref();
                state::read_config(input, text, &process.prefix_files, published)
            }
            None => plan::read(input),
        };
        state::with_listen_names(reading, &process.listen_names)
    }

    /// Continues the log at the destination of the previous image, even if the configuration has
    /// changed since. Never ends the process: without its file, the log is written to standard
    /// error.
    pub fn resume_log(&mut self, plan: &Plan) {
        let in_force = match self.read_in_force() {
            Some(Ok(in_force)) => in_force,
            _ => InForce::of(plan),
        };
        let log = plan::Log { level: plan.log.level, ..in_force.log };
        let (mut previous, mut lines) = (PreviousOutput::default(), Vec::new());
        if let Some(process) = &mut self.process {
            let file = process.log_file.and_then(|number| claim(number).ok()).map(fs::File::from);
            previous =
                PreviousOutput { file, lost: process.log_lost, mid_line: process.log_mid_line };
            lines = std::mem::take(&mut process.log_lines);
        }
        if let Some(change) = observe::log::resume_log(&log, previous, lines) {
            change.log();
            self.warnings.push(change.to_string());
        }
    }

    /// The sandbox of the process. landlock(7) stays in force over execve(2).
    pub(crate) fn sandbox(&self) -> Option<Sandbox> {
        self.process.as_ref()?.sandbox.as_ref().map(Sandbox::from_saved)
    }

    /// The settings in force that only a start applies. Taken from `plan` if the state has none.
    pub(crate) fn in_force(&self, plan: &Plan) -> InForce {
        match self.read_in_force() {
            Some(Ok(in_force)) => in_force,
            Some(Err(problems)) => {
                let problems = problems.render(false);
                tracing::error!(
                    problems,
                    "the settings in force cannot be read: the configured ones hold"
                );
                InForce::of(plan)
            }
            None => InForce::of(plan),
        }
    }

    /// The settings in force, if the state has them.
    pub(super) fn read_in_force(&self) -> Option<Result<InForce, Problems>> {
        self.process.as_ref()?.in_force.as_deref().map(InForce::from_text)
    }

    /// Resumes the admin interface and the metrics on the sockets of the previous image, and binds the
    /// missing addresses in force, if possible.
    pub(crate) fn admin_listeners(
        &mut self,
        in_force: &Process,
        reads_a_file: bool,
    ) -> AdminListeners {
        let handoff = AdminHandoff {
            sockets: self.admin_sockets(in_force),
            tokens: self.process.as_mut().and_then(take_tokens),
            denied: self.process.as_ref().map(|it| it.admin_denied.clone()).unwrap_or_default(),
        };
        let (listeners, errors) = AdminListeners::resume(in_force, reads_a_file, handoff);
        for error in errors {
            tracing::error!(%error, "going on without an address of the admin interface");
            let warning = format!("going on without an address of the admin interface: {error}");
            self.warnings.push(warning);
        }
        listeners
    }

    fn admin_sockets(&mut self, in_force: &Process) -> Vec<(Interface, OwnedFd)> {
        let Some(process) = &self.process else {
            let all = std::mem::take(&mut self.sockets).into_iter();
            let (ours, others): (Vec<_>, Vec<_>) = all
                .map(|socket| (interface_of(&socket, in_force), socket))
                .partition(|it| it.0.is_some());
            self.sockets = others.into_iter().map(|(_, socket)| socket).collect();
            return ours
                .into_iter()
                .filter_map(|(interface, socket)| Some((interface?, socket)))
                .collect();
        };
        let admin = process.admin.iter().chain(&process.more_admin);
        let admin = admin.map(|number| (Interface::Admin, *number));
        let numbers = admin.chain(process.metrics.map(|number| (Interface::Metrics, number)));
        let sockets = &mut self.sockets;
        let claimed = numbers.filter_map(|(interface, number)| {
            let is_it = |socket: &OwnedFd| u32::try_from(socket.as_raw_fd()) == Ok(number);
            let socket = match sockets.iter().position(is_it) {
                Some(at) => sockets.swap_remove(at),
                None => claim(number).ok()?,
            };
            Some((interface, socket))
        });
        claimed.collect()
    }

    /// The workers' epoll instances. Empty if the state is damaged: they refer to listeners and
    /// sessions by numbers in other parts of the state.
    fn epolls(&self) -> Vec<OwnedFd> {
        let forwards = self.forwards.as_ref().filter(|_| self.damage.is_none());
        let epolls = forwards.map(|forwards| &forwards.epolls[..]).unwrap_or_default();
        let epolls = Some(epolls).filter(|epolls| epolls.len() == self.workers.len());
        epolls.unwrap_or_default().iter().filter_map(|fd| claim(*fd).ok()).collect()
    }

    /// The engine's part of the state.
    pub(crate) fn handoff(&mut self) -> engine::Handoff {
        engine::Handoff {
            forwards: self.forwards.take().unwrap_or_default(),
            workers: std::mem::take(&mut self.workers),
            sockets: std::mem::take(&mut self.sockets),
        }
    }

    /// Closes the pipes and resets the connections of sessions that were not restored.
    fn reset_unreadable_sessions(&self, lost: u64) {
        if self.damage.is_none() && lost == 0 {
            return;
        }
        drop(claim_all(&[DescriptorKind::Pipe]));
        let connections = claim_all(&[DescriptorKind::Connection]);
        let sockets_reset = connections.len();
        connections.into_iter().for_each(sys::socket::reset);
        if let Some(damage) = &self.damage {
            tracing::error!(
                sockets_reset,
                "the image before has left something that cannot be read: {damage}; \
                 the sessions in it are reset"
            );
        }
    }

    /// Logs the result.
    fn report(last: &LastUpgrade, upgrades: u64) {
        if let Ok(Arrival { from, sessions, lost, pause, .. }) = &last.result {
            tracing::info!(
                by = last.by,
                %from,
                version = %Version::of_program(),
                pid = std::process::id(),
                sessions,
                lost,
                pause = pause.as_secs_f64(),
                upgrades,
                "upgraded"
            );
        }
    }
}

/// The tokens of the previous image. Versions before roles have one, of an operator.
fn take_tokens(process: &mut handover::Process) -> Option<AdminTokens> {
    let one = process.admin_token.take();
    let text = process.admin_tokens.take().or(one)?;
    AdminTokens::restore(&text)
}

fn read_whole(memory: OwnedFd, bytes: &mut Vec<u8>) -> std::io::Result<usize> {
    use std::io::Seek;
    let mut file = fs::File::from(memory);
    // The writer's position is shared, and at the end.
    file.rewind()?;
    file.read_to_end(bytes)
}

/// Resumes the previous image: its sessions, listeners and counters.
pub(crate) fn resume(
    input: plan::Input,
    mut plan: Plan,
    in_force: InForce,
    notifier: Notifier,
    mut handover: Handover,
    retry: &RetryPolicy,
) -> Result<Supervisor, ServeError> {
    for error in host::find_socket_owners(&mut plan) {
        tracing::error!(%error, "an account is gone: its Unix listeners keep their files as they are");
        handover.warnings.push(error.to_string());
    }
    let saved = handover.process.clone().unwrap_or_default();
    let workers = if saved.workers > 0 { saved.workers as usize } else { workers(&plan) };
    let limit = sys::raise_open_files_limit();
    let capacity =
        capacity(&plan, workers, limit, saved.files_at_start).unwrap_or_else(|no_room| {
            // The limit was lowered since the check; open sessions stay.
            tracing::error!(error = %no_room, "no new sessions until the next reload");
            handover.warnings.push(format!("no new sessions until the next reload: {no_room}"));
            Capacity::least(limit, saved.files_at_start)
        });
    let passed = engine::PassedSockets::default();
    let (mut engine, resolver) =
        start_engine(&plan, workers, capacity, passed, handover.epolls(), retry)?;
    let look_ups = saved.name_look_ups.iter().map(|it| (&*it.word, it.count));
    resolver.restore(state::names(&saved), look_ups);
    // Before the first session selects a target.
    let sets = resolver.all_sets().into_iter();
    engine.replace_sets(sets.map(|(name, members)| (name, set_members(members))).collect());
    let handoff = handover.handoff();
    let taken = engine.take_over(&plan.forwards, handoff);
    let missing = unbound_forwards(&plan, &taken.unbound).into_iter();
    let missing = missing.chain(saved.restoring.iter().cloned()).collect();
    let store = Store::from_environment(notifier, saved.kept_listeners.iter().cloned().collect());
    let mut supervisor = Supervisor::new(input, plan, engine, resolver, workers, capacity, store);
    supervisor.keep_listeners();
    supervisor.in_force = in_force;
    state::apply(&mut supervisor, &saved);
    supervisor.restoring = Restoring::new(supervisor.still_skipped(&missing));
    supervisor.watch_names();
    let warnings = std::mem::take(&mut handover.warnings);
    let last = state::last_upgrade(&saved, taken.sessions, taken.lost, warnings);
    handover.reset_unreadable_sessions(taken.lost);
    Handover::report(&last, supervisor.upgrades.count);
    supervisor.upgrades.last = Some(last);
    Ok(supervisor)
}

/// The state of this process for the next image, without sockets and sessions.
#[cfg(test)]
pub(crate) fn next_image(supervisor: &Supervisor) -> Handover {
    let process = state::process(supervisor, "test", sys::monotonic_micros());
    let process = handover::decode(&handover::encode(&process));
    Handover { process, ..Handover::default() }
}

/// Logs the listeners that could not be bound again, and returns the names of their forwards.
fn unbound_forwards(plan: &Plan, unbound: &[engine::Unbound]) -> Vec<String> {
    let forwards = unbound.iter().map(|unbound| {
        let forward = plan.forwards[unbound.position].name.as_str();
        tracing::error!(
            forward,
            error = %unbound.error,
            "a listener was not taken over and cannot be bound again: the forward is skipped, and \
             is tried again"
        );
        plan.forwards[unbound.position].name.clone()
    });
    forwards.collect()
}
