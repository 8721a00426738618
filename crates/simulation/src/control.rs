//! The control side: the commands of the operator, carried out as the supervisor of the program does.

mod balance;
mod upgrade;

use crate::conditions::conditions;
use crate::random::Choices;
use crate::script::{Command, Configuration, Script, Severity, name_of};
use crate::world::{OPEN_FILES, Shared, World};
use engine::{
    Detail, Engine, ForwardState, Options, PassedSockets, Published, SessionDetail, SessionFilter,
};
use std::cell::Cell;
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;
use sys::kernel::Kernel;
use testkit::sim::{Process, Sim};

/// Pipes of all workers together.
const PIPES: usize = 12;
const MOST_SESSIONS: u32 = 1000;
/// Attempts to start a worker.
const MOST_TRIES: u32 = 1000;

/// The control side of the process under test.
pub(crate) struct Control {
    world: Shared,
    /// `None` after the end.
    engine: Option<Engine<Process>>,
    workers: usize,
    seed: u64,
    plans: Vec<Arc<plan::Forward>>,
    /// A change that the workers have not applied yet, or not reported.
    published: Option<Published<Process>>,
    /// All listeners are closed for good.
    is_shut_down: bool,
    /// [`World::changes`] at the last check.
    checked_at: Option<u64>,
}

/// Values of `spin`, one of which a history has.
const SPINS: [Duration; 3] = [Duration::ZERO, Duration::from_micros(50), Duration::from_millis(10)];

impl Control {
    /// Starts the process under test in a new world.
    pub(crate) fn start(script: &Script) -> (Shared, Self) {
        let sim = Sim::new(script.seed, conditions(Severity::Friendly, script.seed));
        let process = sim.process(OPEN_FILES);
        let world = Shared::new(World::new(sim, process, script.seed));
        let workers = usize::from(script.workers.max(1));
        let mut control = Self {
            world: world.clone(),
            engine: None,
            workers,
            seed: script.seed,
            plans: Vec::new(),
            published: None,
            is_shut_down: false,
            checked_at: None,
        };
        control.prepare(Vec::new(), MOST_SESSIONS);
        control.reload(&script.start);
        world.lock().changes += 1;
        (world, control)
    }

    /// Makes the engine of a process image, on the epoll instances of the previous one.
    fn prepare(&mut self, epolls: Vec<<Process as Kernel>::Epoll>, max_sessions: u32) {
        let process = self.world.lock().process.clone();
        let options = Options {
            workers: self.workers,
            max_sessions,
            pipes: PIPES,
            detail: Detail { records: true, steps: true },
            seed: self.seed,
            resolver: self.world.lock().resolver(),
        };
        let passed = PassedSockets::new(process.clone());
        // The next image tries again, as in the program.
        let tries = Cell::new(0);
        let retry = |_: &std::io::Error| tries.replace(tries.get() + 1) < MOST_TRIES;
        let prepared = Engine::prepare(&process, &options, passed, epolls, &retry);
        let (engine, workers) = prepared.unwrap_or_else(|error| panic!("{error}"));
        engine.set_spin(SPINS[usize::try_from(self.seed % 3).unwrap_or(0)]);
        self.world.lock().run(workers, engine.observer(), engine.reports());
        // The world owns the process.
        let world = self.world.downgrade();
        process.on_wait(move || {
            let Some(world) = world.upgrade() else { return false };
            let mut world = world.lock();
            // The control side has done a part of its command before it waits.
            world.changes += 1;
            let until = world.sim.now().after(Duration::from_millis(10));
            world.step(until)
        });
        self.engine = Some(engine);
    }

    fn engine(&mut self) -> &mut Engine<Process> {
        self.engine.as_mut().expect("the engine lives until the end")
    }

    /// Carries out a command.
    pub(crate) fn operate(&mut self, command: &Command) {
        let needs_listeners = !matches!(
            command,
            Command::MaxSessions(_) | Command::Kill(_) | Command::List | Command::Cut
        );
        if self.is_shut_down && needs_listeners {
            return;
        }
        match command {
            Command::Reload(configuration) => self.reload(configuration),
            Command::Try(configuration) => self.check_configuration(configuration),
            Command::Drain(forward) => self.switch(*forward, Engine::drain_forward),
            Command::Resume(forward) => self.switch(*forward, Engine::resume_forward),
            Command::MaxSessions(limit) => self.engine().set_max_sessions((*limit).into()),
            Command::Kill(session) => self.kill(*session),
            Command::List => self.list(),
            Command::Tidy(limit) => {
                self.world.lock().circumstances.was_tidied |= limit.is_some();
                self.engine().tidy(*limit, false);
            }
            Command::Retry => {
                self.complete();
                let applied = self.engine().retry_skipped();
                self.publish(applied.published);
            }
            Command::Cut => {
                self.shut_down();
                self.world.lock().circumstances.was_cut = true;
                self.engine().cut();
            }
            Command::Shutdown => self.shut_down(),
            Command::Upgrade => self.upgrade(),
            Command::FailUpgrade => self.fail_upgrade(),
        }
        let mut world = self.world.lock();
        world.changes += 1;
        world.disturb();
    }

    fn shut_down(&mut self) {
        if !self.is_shut_down {
            self.complete();
            self.is_shut_down = true;
            self.engine().drain();
        }
    }

    fn reload(&mut self, configuration: &Configuration) {
        self.complete();
        let plans = read(configuration);
        let skipped = self.skipped();
        let may_skip = |forward: &plan::Forward| skipped.contains(&forward.name);
        let mut world = self.world.lock();
        world.note_plans(configuration);
        world.begin_change(configuration);
        drop(world);
        let applied = self.engine().apply(&plans, &may_skip);
        let mut world = self.world.lock();
        match applied {
            Ok(applied) => {
                world.note_limits(configuration);
                world.targets.change(configuration);
                drop(world);
                self.plans = plans;
                self.publish(applied.published);
            }
            Err(unbound) => {
                let is_explained = world.circumstances.calls_failed || !skipped.is_empty();
                assert!(is_explained, "a reload was refused: {unbound:?}");
            }
        }
    }

    fn check_configuration(&mut self, configuration: &Configuration) {
        self.complete();
        let plans = read(configuration);
        let result = self.engine().try_apply(&plans, &|_| false);
        let calls_failed = self.world.lock().circumstances.calls_failed;
        assert!(result.is_ok() || calls_failed, "a dry run was refused: {:?}", result.err());
    }

    /// Names of the forwards that could not be bound.
    fn skipped(&mut self) -> Vec<String> {
        let forwards = self.engine().forwards();
        let skipped = forwards.filter(|forward| forward.state == ForwardState::Skipped);
        skipped.map(|forward| forward.plan.name.clone()).collect()
    }

    fn switch(
        &mut self,
        forward: u8,
        switch: fn(&mut Engine<Process>, &str) -> Result<Published<Process>, engine::NotSwitched>,
    ) {
        self.complete();
        if let Ok(published) = switch(self.engine(), &name_of(forward)) {
            self.publish(published);
        }
    }

    /// Waits for the change at once, or leaves it to the steps of later events.
    fn publish(&mut self, published: Published<Process>) {
        self.published = Some(published);
        let waits = self.world.lock().random.chance(50);
        if waits {
            self.complete();
        }
    }

    /// Waits until the workers have applied the last change.
    fn complete(&mut self) {
        if let Some(published) = self.published.take() {
            published.wait();
        }
    }

    /// Completes the last change if the workers have applied it.
    pub(crate) fn poll(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let is_done =
            |published: &mut Published<Process>| Pin::new(published).poll(&mut context).is_ready();
        if self.published.take_if(is_done).is_some() {
            self.world.lock().changes += 1;
        }
    }

    fn kill(&mut self, number: u16) {
        let mut world = self.world.lock();
        let id = world.sessions.get_mut(&number).and_then(|session| {
            session.killed |= session.id.is_some();
            session.id
        });
        drop(world);
        if let Some(id) = id {
            let ids = Some(Arc::new(HashSet::from([id])));
            let filter = SessionFilter { ids, ..SessionFilter::default() };
            self.engine().observer().kill(&filter, || Box::new(|_| {}));
        }
    }

    fn list(&mut self) {
        let observer = self.engine().observer();
        for worker in 0..self.workers {
            let reply = Box::new(|page: engine::SessionPage| drop(page));
            let all = (SessionFilter::default(), SessionDetail::Tcp);
            observer.list(worker, all, 0, reply);
        }
    }

    /// All sessions have ended, except those that have lost a peer.
    pub(crate) fn all_have_ended(&mut self) {
        let open = self.engine().sessions();
        let world = self.world.lock();
        let lost = world.sessions.values().filter(|session| session.has_lost_a_peer()).count();
        assert!(
            open as usize <= lost,
            "{open} sessions are open, {lost} have lost a peer: {:#?}",
            world.open_sessions()
        );
        for session in world.sessions.values() {
            let is_over = session.open_peers().next().is_none();
            // The kernel gives up a FIN that no host acknowledges (`tcp_orphan_retries`).
            let may_lack_fin = world.circumstances.network_failed && session.record.is_some();
            assert!(
                is_over || lost > 0 || may_lack_fin,
                "session {} has not ended: the client {:?}, the target {:?}",
                session.number,
                session.client.facts,
                session.peer(flow::Peer::Target).map(|peer| &peer.facts)
            );
        }
    }

    /// Ends the process.
    pub(crate) fn stop(mut self) {
        self.complete();
        let Some(engine) = self.engine.take() else { return };
        self.world.lock().circumstances.was_cut = true;
        engine.stop(Duration::from_secs(60));
        let mut world = self.world.lock();
        world.changes += 1;
        world.ended();
    }
}

/// The plan of a configuration.
fn read(configuration: &Configuration) -> Vec<Arc<plan::Forward>> {
    let input = plan::Input { config: Some("simulation.toml".into()), ..plan::Input::default() };
    let reading = plan::read_text(&input, &configuration.toml());
    let plan = reading.plan.unwrap_or_else(|| panic!("no configuration: {:?}", reading.problems));
    plan.forwards
}
