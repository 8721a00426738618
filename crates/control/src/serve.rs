//! The life of the process: start, serve, drain, stop.

use crate::admin::{self, App, Door};
use crate::orphans::start_reaping;
use crate::requests::{Request, Requests, Signals, Stopper};
use crate::serve_error::ServeError;
use crate::start::{STOP_LIMIT, control_runtime, start};
use crate::supervisor::upgrade::{Handover, Insistence, Wanted, go_on, upgrade};
use crate::supervisor::{Supervisor, SupervisorHandle};
use crate::watchdog::start_pulse;
use host::{Handed, Notifier, Sandbox, take_handed};
use plan::{FileRead, InForce, Plan};
use std::time::{Duration, Instant};
use sys::exec::BlockedSignals;

/// How long the reader of the log may take for its last lines at the end.
const LOG_LIMIT: Duration = Duration::from_secs(1);
/// How often the number of open sessions is looked at while draining.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// Serves the plan, which was made of `input` with the file as it was `read`, until SIGTERM, SIGINT or the [`Stopper`] that
/// `ready` gets when every listener is bound and clients are accepted. Goes on with what another
/// image of this process has left, if there is any.
pub fn serve(
    input: plan::Input,
    plan: Plan,
    read: Option<FileRead>,
    handover: Option<Handover>,
    ready: impl FnOnce(Stopper),
) -> Result<(), ServeError> {
    let insistence = Insistence::of(handover.is_some());
    let runtime = insistence
        .on("the control thread", control_runtime)
        .map_err(|error| ServeError::Refused("start the control thread", error))?;
    let notifier = Notifier::from_environment();
    // Another image of this process has taken it already, and hands it on itself.
    let handed = if handover.is_some() { Ok(Handed::default()) } else { take_handed(&plan) };
    let handed = handed.map_err(ServeError::Activation)?;
    let (handle, tasks) = SupervisorHandle::new();
    // Threads inherit this. So it is this one that signals reach, and while it holds them, they
    // wait: for the next image, if need be.
    let held = BlockedSignals::hold();
    // It reaches no thread that does not ask for samples of itself.
    crate::admin::let_samples_through();
    // Before anything else is started: a signal that comes early must not be missed.
    let signals = || {
        runtime.block_on(async {
            start_reaping()?;
            Signals::new()
        })
    };
    let signals =
        insistence.on("signals", signals).map_err(|error| ServeError::Refused("signals", error))?;
    let mut requests = runtime.block_on(async { Requests::new(signals, &plan, tasks) });
    let mut supervisor = begin(input, plan, notifier, handed, handover, &insistence)?;
    supervisor.watch_from_start(read);
    held.release();
    let app = App::new(handle.clone(), supervisor.observer(), supervisor.events());
    // What reading the configuration and binding took is not needed again.
    sys::release_free_memory();
    ready(requests.stopper());
    let drain = runtime.block_on(async {
        open(&mut supervisor, app);
        run(&mut supervisor, &mut requests, &handle).await
    });
    end(supervisor, &drain);
    Ok(())
}

/// Binds the listeners and starts the workers and the journal, or goes on with those of another
/// image. Whoever connects to the admin interface has to wait until it is opened.
fn begin(
    input: plan::Input,
    plan: Plan,
    notifier: Notifier,
    handed: Handed,
    mut handover: Option<Handover>,
    insistence: &Insistence,
) -> Result<Supervisor, ServeError> {
    let in_force = match &handover {
        Some(handover) => handover.in_force(&plan),
        None => InForce::of(&plan),
    };
    let door = open_door(&in_force, plan.config.is_some(), handover.as_mut())?;
    // The directory of the admin socket is there now, and no thread is yet.
    let sandbox = match &handover {
        Some(handover) => handover.sandbox(),
        None => Sandbox::enter(&plan).map_err(ServeError::Sandbox)?,
    };
    let goes_on = handover.is_some();
    let mut supervisor = match handover {
        Some(handover) => go_on(input, plan, in_force, notifier, handover, insistence)?,
        None => start(input, plan, notifier, handed)?,
    };
    supervisor.set_surroundings(door, sandbox);
    if goes_on {
        supervisor.keep_journal();
    } else {
        supervisor.announce();
        supervisor
            .start_journal()
            .map_err(|error| ServeError::Refused("start the journal", error))?;
    }
    Ok(supervisor)
}

/// Answers at the admin interface, and tells the service manager that clients are served.
fn open(supervisor: &mut Supervisor, app: App) {
    if let Some(door) = supervisor.door_mut() {
        admin::open(door, app);
    }
    supervisor.tell_manager();
    start_pulse(supervisor.notifier(), &supervisor.observer());
}

/// Resets what is left of the sessions, ends the workers and the journal, and says how it went.
fn end(supervisor: Supervisor, drain: &Drain) {
    // A journal that hangs in the kernel ends with the process; this thread would hang with it.
    if supervisor.stop(STOP_LIMIT, LOG_LIMIT) {
        drain.report();
    }
}

/// The admin interface. Where sessions would be lost with the process, it goes on without.
fn open_door(
    in_force: &InForce,
    reads_a_file: bool,
    handover: Option<&mut Handover>,
) -> Result<Option<Door>, ServeError> {
    let process = &in_force.process;
    let Some(handover) = handover else {
        return Door::bind(process, reads_a_file).map_err(ServeError::Admin);
    };
    Ok(handover.door(process, reads_a_file))
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
            seconds = observe::log::seconds(self.took),
            asked_again_by = self.hurry,
            "stopped"
        );
    }
}

/// Serves until asked to stop, then until the sessions have ended, their time is over, or a second
/// request to stop comes.
async fn run(
    supervisor: &mut Supervisor,
    requests: &mut Requests,
    handle: &SupervisorHandle,
) -> Drain {
    let asked_by = serve_until_stop(supervisor, requests, handle).await;
    let began = Instant::now();
    let (open, limit) = supervisor.drain(asked_by);
    let observer = supervisor.observer();
    let hurry = tokio::select! {
        () = drained(&observer) => None,
        () = tokio::time::sleep(limit) => None,
        again = serve_until_stop(supervisor, requests, handle) => Some(again),
    };
    Drain { open, cut: observer.sessions(), took: began.elapsed(), hurry }
}

/// Does what is wanted until somebody wants an end.
async fn serve_until_stop(
    supervisor: &mut Supervisor,
    requests: &mut Requests,
    handle: &SupervisorHandle,
) -> &'static str {
    loop {
        match requests.next(supervisor.due()).await {
            Request::Stop(by) => return by,
            Request::Reload => supervisor.reload_by("SIGHUP").await,
            Request::ReopenLog => observe::log::reopen(),
            // Its result is in the log, and nobody else asked for it.
            Request::Upgrade => {
                _ = tokio::spawn(upgrade(handle.clone(), Wanted::default(), "SIGUSR2"));
            }
            Request::Task(task) => task(supervisor).await,
            Request::Due => supervisor.do_what_is_due().await,
        }
    }
}

async fn drained(observer: &engine::Observer) {
    while observer.sessions() > 0 {
        tokio::time::sleep(DRAIN_LOOK).await;
    }
}
