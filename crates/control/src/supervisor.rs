//! The life of the process: start, serve, drain, stop.

use crate::capacity::{Capacity, capacity};
use crate::journal::Journal;
use crate::resolver::Resolver;
use engine::{Detail, Engine, ListenError, Options};
use plan::{Level, Plan};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// How often the number of open sessions is looked at while draining.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// Why the process could not serve.
#[derive(Debug)]
pub enum ServeError {
    /// The configuration does not fit this host.
    Unfit(String),
    /// Something failed that may succeed another time.
    Failed(String),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unfit(message) | Self::Failed(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for ServeError {}

/// Asks a serving process to shut down, as SIGTERM does.
#[derive(Clone)]
pub struct Stopper(Arc<Notify>);

impl Stopper {
    /// Asks.
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

/// Serves the plan until SIGTERM, SIGINT or the [`Stopper`] that `ready` gets when every listener
/// is bound and clients are accepted.
pub fn serve(plan: &Plan, ready: impl FnOnce(Stopper)) -> Result<(), ServeError> {
    let failed = |what: &str, error: std::io::Error| ServeError::Failed(format!("{what}: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed("start the control thread", error))?;
    // Before anything else is started: a signal that comes early must not be missed.
    let signals =
        runtime.block_on(async { Signals::new(plan) }).map_err(|error| failed("signals", error))?;
    let mut engine = start_engine(plan)?;
    let journal =
        Journal::start(engine.reports()).map_err(|error| failed("start the journal", error))?;
    engine.accept();
    let stopper = Stopper(Arc::default());
    ready(stopper.clone());
    let drain = runtime.block_on(signals.serve(plan, &mut engine, &stopper));
    engine.cut();
    engine.stop();
    journal.close();
    drain.report();
    Ok(())
}

fn start_engine(plan: &Plan) -> Result<Engine, ServeError> {
    let cpus = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = plan.process.workers.map_or_else(cpus, std::num::NonZero::get);
    let limit = sys::raise_open_files_limit();
    let open_files = sys::open_files().unwrap_or(0);
    let capacity = capacity(plan, workers, limit, open_files)
        .map_err(|no_room| ServeError::Unfit(no_room.to_string()))?;
    let resolver = Resolver::start()
        .map_err(|error| ServeError::Failed(format!("start the resolver: {error}")))?;
    let options = Options {
        workers,
        max_sessions: capacity.sessions,
        pipes: capacity.pipes,
        detail: Detail {
            records: plan.log.sessions && plan.log.level >= Level::Info,
            steps: plan.log.level >= Level::Debug,
        },
        resolver: Arc::new(resolver),
    };
    let mut engine = Engine::start(&options)
        .map_err(|error| ServeError::Failed(format!("start the workers: {error}")))?;
    if let Err(error) = listen(plan, &mut engine) {
        engine.stop();
        return Err(error);
    }
    announce(plan, &engine, workers, capacity);
    Ok(engine)
}

/// Binds every forward. All of what cannot be bound is reported, not only the first.
fn listen(plan: &Plan, engine: &mut Engine) -> Result<(), ServeError> {
    let mut errors: Vec<String> = Vec::new();
    let mut unfit = false;
    for forward in &plan.forwards {
        let Err(error) = engine.listen(forward) else { continue };
        if forward.optional {
            warn_skipped(forward, &error);
        } else {
            unfit |= error.is_lasting();
            errors.push(format!("{error}, for forward `{}` ({})", forward.name, forward.place));
        }
    }
    if errors.is_empty() && engine.listeners() == 0 {
        errors.push("no listener could be bound".to_owned());
    }
    match (errors.is_empty(), unfit) {
        (true, _) => Ok(()),
        (false, true) => Err(ServeError::Unfit(errors.join("\n"))),
        (false, false) => Err(ServeError::Failed(errors.join("\n"))),
    }
}

fn warn_skipped(forward: &plan::Forward, error: &ListenError) {
    tracing::warn!(forward = forward.name, place = %forward.place, %error, "forward skipped");
}

fn announce(plan: &Plan, engine: &Engine, workers: usize, capacity: Capacity) {
    for forward in &plan.forwards {
        for route in &forward.routes {
            tracing::debug!(
                forward = forward.name,
                listen = %route.listen,
                target = %route.target,
                "listening"
            );
        }
    }
    if let Some(wanted) = capacity.lowered_from {
        tracing::warn!(
            wanted,
            max_sessions = capacity.sessions,
            open_files_limit = capacity.open_files_limit,
            "max_sessions is more than the open-file limit allows, and was lowered"
        );
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        forwards = plan.forwards.len(),
        listeners = engine.listeners(),
        workers,
        max_sessions = capacity.sessions,
        open_files_limit = capacity.open_files_limit,
        "ready"
    );
}

/// How the shutdown went.
struct Drain {
    /// Sessions open when it began, and when it ended: those are reset.
    open: u32,
    cut: u32,
    took: Duration,
    /// Who asked a second time, and so ended it early.
    hurry: Option<&'static str>,
}

impl Drain {
    fn report(&self) {
        tracing::info!(
            ended = self.open.saturating_sub(self.cut),
            cut = self.cut,
            seconds = self.took.as_secs_f64(),
            asked_again_by = self.hurry,
            "stopped"
        );
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// All forwards come from the command line: there is no file that SIGHUP could mean.
    typed: bool,
}

impl Signals {
    fn new(plan: &Plan) -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            typed: plan.forwards.iter().all(|forward| forward.place.is_command_line()),
        })
    }

    /// Serves until asked to stop, then until the sessions have ended, their time is over, or a
    /// second request comes.
    async fn serve(mut self, plan: &Plan, engine: &mut Engine, stopper: &Stopper) -> Drain {
        let asked_by = self.stop_request(stopper).await;
        let limit = plan.process.shutdown_timeout;
        let open = engine.sessions();
        tracing::info!(
            by = asked_by,
            sessions = open,
            shutdown_timeout = limit.as_secs_f64(),
            "draining"
        );
        let began = Instant::now();
        engine.drain();
        let hurry = tokio::select! {
            () = drained(engine) => None,
            () = tokio::time::sleep(limit) => None,
            again = self.stop_request(stopper) => Some(again),
        };
        Drain { open, cut: engine.sessions(), took: began.elapsed(), hurry }
    }

    /// Who asked.
    async fn stop_request(&mut self, stopper: &Stopper) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                () = stopper.0.notified() => return "itself",
                // The terminal is gone, and with it whoever typed the forwards.
                _ = self.hang_up.recv() => if self.typed { return "SIGHUP" } else {
                    tracing::warn!("SIGHUP ignored: this version cannot reload, only restart");
                },
            }
        }
    }
}

async fn drained(engine: &Engine) {
    while engine.sessions() > 0 {
        tokio::time::sleep(DRAIN_LOOK).await;
    }
}
