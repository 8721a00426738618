//! Workers that the caller runs by turns, as the simulation does: here on Linux, over Unix sockets.

use engine::parts::{Audit, HoldingAudit, WaitsFor, Worker};
use engine::{Detail, Engine, Options, PassedSockets, Query, Resolve};
use flow::{Action, Direction, Stage, Time};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use sys::kernel::{Kernel, Linux};

/// Most turns until a state is reached.
const MOST_TURNS: usize = 1000;
/// Bound of the wait for a state.
const LIMIT: Duration = Duration::from_secs(30);

struct NoNames;

impl Resolve for NoNames {
    fn connect_failed(&self, _: &Arc<str>) {}

    fn resolve(&self, query: Query) {
        query.answer(Err(engine::NameFailure::Error));
    }
}

/// An engine with one worker and one forward between two Unix sockets.
struct Trial {
    engine: Engine,
    worker: Worker<Linux>,
    target: UnixListener,
    listen: PathBuf,
}

impl Trial {
    fn new(dir: &Path) -> Self {
        let options = Options {
            workers: 1,
            max_sessions: 10,
            pipes: 4,
            detail: Detail { records: true, steps: false },
            seed: 1,
            resolver: Arc::new(NoNames),
        };
        let passed = PassedSockets::default();
        let prepared = Engine::prepare(&Linux, &options, passed, Vec::new(), &|_| false);
        let (mut engine, mut workers) = prepared.expect("descriptors are available");
        let (listen, to) = (dir.join("listen"), dir.join("target"));
        let target = UnixListener::bind(&to).expect("a new path");
        let text = format!(
            "[[forward]]\nlisten = 'unix:{}'\nto = 'unix:{}'",
            listen.display(),
            to.display()
        );
        let input = plan::Input { config: Some("test.toml".into()), ..plan::Input::default() };
        let plan = plan::read_text(&input, &text).plan.expect("a plan");
        let applied = engine.apply(&plan.forwards, &|_| false);
        let worker = workers.pop().expect("one worker");
        let mut trial = Self { engine, worker, target, listen };
        trial.turn_until(|audit| audit.acceptor.listeners.len() == 1);
        applied.unwrap_or_else(|_| panic!("the path is free")).published.wait();
        trial
    }

    /// One turn. A ping ends its wait.
    fn turn(&mut self) {
        self.engine.observer().ping_all(|| Box::new(|()| {}));
        self.worker.turn().expect("epoll_wait(2) succeeds");
    }

    /// Sends until the lane holds bytes that the target's socket does not take. Returns their number.
    fn fill(&mut self, client: &mut UnixStream) -> usize {
        client.set_nonblocking(true).expect("an open socket");
        let bytes = vec![7; 65_536];
        let mut sent = 0;
        for _ in 0..MOST_TURNS {
            match client.write(&bytes) {
                Ok(count) => sent += count,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            self.turn();
            if self.worker.audit().sessions[0].flow.lane(Direction::Up).held() > 0 {
                return sent;
            }
        }
        panic!("{sent} bytes were taken");
    }

    /// Takes turns until the state is reached.
    fn turn_until(&mut self, is_reached: impl Fn(&Audit) -> bool) -> Audit {
        let until = Linux.now().after(LIMIT);
        while Linux.now() < until {
            let audit = self.worker.audit();
            if is_reached(&audit) {
                return audit;
            }
            self.turn();
            // The state may depend on another thread.
            std::thread::yield_now();
        }
        panic!("not reached: {:?}", self.worker.audit());
    }

    fn connect(&mut self) -> (UnixStream, UnixStream) {
        let client = UnixStream::connect(&self.listen).expect("the listener is open");
        self.turn_until(|audit| {
            audit.sessions.first().is_some_and(|it| it.flow.stage() == Stage::Relaying)
        });
        let (target, _) = self.target.accept().expect("connected");
        (client, target)
    }
}

#[test]
fn an_audit_shows_a_session_its_places_and_its_bytes() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut trial = Trial::new(dir.path());
    let before = trial.worker.audit();
    assert!(before.sessions.is_empty() && before.acceptor.full.is_empty());
    let (mut client, mut target) = trial.connect();

    let audit = trial.worker.audit();
    let session = &audit.sessions[0];
    let engine = trial.engine.audit();
    assert_eq!((engine.process.taken, &engine.loads[..]), (1, &[1][..]));
    assert_eq!(engine.forwards[0].gate, session.permit.forward);
    assert_eq!(Some(engine.forwards[0].targets[0].gate), session.permit.target);
    assert_eq!((session.queued, session.is_in_run_queue), (false, false));
    let mut flow = session.flow;
    assert_eq!(flow.next(audit.now), Action::Wait);
    assert!(session.deadline.is_some_and(|deadline| session.timer <= deadline));
    assert!(session.wheel.is_some_and(|wheel| wheel <= session.timer.after(TICK)));
    assert!(session.target.is_some_and(|target| target != session.client));

    let sent = trial.fill(&mut client);
    let audit = trial.worker.audit();
    let session = &audit.sessions[0];
    match session.holding[Direction::Up as usize].as_ref().expect("bytes are held") {
        HoldingAudit::Buffer(bytes) => assert!(bytes.iter().all(|byte| *byte == 7)),
        HoldingAudit::Pipe([read, write]) => assert!(audit.pipes >= 1 && read != write),
    }
    drop(client);
    let reader = std::thread::spawn(move || {
        let mut received = Vec::new();
        target.read_to_end(&mut received).expect("the stream is complete");
        received.len()
    });
    trial.turn_until(|audit| audit.sessions.is_empty());
    assert_eq!(reader.join().expect("no panic"), sent);
    let engine = trial.engine.audit();
    assert_eq!((engine.process.taken, engine.forwards[0].gate.taken), (0, 0));
}

#[test]
fn a_parked_worker_executes_orders_by_turns_and_ends_after_a_stop() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut trial = Trial::new(dir.path());
    let (mut client, _target) = trial.connect();
    let WaitsFor::Events { until, .. } = trial.worker.waits_for() else { panic!("not serving") };
    assert!(until > Linux.now() && until < Time::NEVER, "a timer is set");
    let Trial { engine, mut worker, .. } = trial;
    let thread = std::thread::spawn(move || {
        let mut was_parked = false;
        while !worker.is_stopped() {
            worker.turn().expect("epoll_wait(2) succeeds");
            was_parked |= worker.waits_for() == WaitsFor::Order;
            std::thread::yield_now();
        }
        assert_eq!(worker.waits_for(), WaitsFor::Nothing);
        assert!(worker.audit().sessions.is_empty(), "reset");
        was_parked
    });
    let parked = engine.park().expect("the worker takes turns");
    let handoff = parked.save().expect("the session can be saved");
    let saved: handover::Worker = handover::decode(&handoff.workers[0]).expect("sound bytes");
    assert_eq!(saved.sessions.len(), 1);
    drop(parked);
    engine.stop(Duration::from_secs(10));
    assert!(thread.join().expect("no panic"), "it was parked");
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)), "the session has ended");
}

/// A tick of the timing wheel.
const TICK: Duration = Duration::from_millis(1);
