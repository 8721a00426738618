//! The life of the process: start, serve, drain, stop.

use crate::admin::{self, AdminListeners, App};
use crate::follow_fleet::follow_fleet;
use crate::kept_text::{OpenedKeep, Prepared};
use crate::listen_names::resolve_now;
use crate::orphans::start_reaping;
use crate::requests::{Request, Requests, Signals, Stopper};
use crate::serve_error::ServeError;
use crate::start::{STOP_LIMIT, control_runtime, start};
use crate::supervisor::sets::follow_sets;
use crate::supervisor::upgrade::{Handover, RetryPolicy, UpgradeOptions, resume, upgrade};
use crate::supervisor::{Supervisor, SupervisorHandle};
use crate::watchdog::start_watchdog;
use host::{ActivatedSockets, Notifier, Sandbox, take_activated_sockets};
use plan::{InForce, Plan};
use std::time::{Duration, Instant};
use sys::exec::BlockedSignals;
use tokio::sync::watch;

/// Time limit for the reader of the log to take the last lines.
const LOG_LIMIT: Duration = Duration::from_secs(1);
/// Time between two checks of the number of open sessions while draining.
const DRAIN_CHECK: Duration = Duration::from_millis(10);

/// Serves until SIGTERM, SIGINT or the [`Stopper`] requests the shutdown. The prepared plan was read
/// from `input`. Calls `ready` once every listener is bound and accepts clients. With a `handover`,
/// resumes the sessions and listeners of the previous process image.
pub fn serve(
    input: plan::Input,
    prepared: Prepared,
    handover: Option<Handover>,
    ready: impl FnOnce(Stopper),
) -> Result<(), ServeError> {
    let Prepared { mut plan, read, keep } = prepared;
    find_listen_addresses(&mut plan, handover.is_some())?;
    let is_start = handover.is_none();
    let retry = RetryPolicy::new(!is_start);
    let runtime = retry
        .run("the control thread", control_runtime)
        .map_err(|error| ServeError::Refused("start the control thread", error))?;
    let notifier = Notifier::from_environment();
    // After an upgrade, the handover has the sockets given at the start.
    let activated = match &handover {
        Some(_) => ActivatedSockets::default(),
        None => take_activated_sockets(&plan).map_err(ServeError::Activation)?,
    };
    let (handle, tasks) = SupervisorHandle::new();
    // Threads inherit the mask, so signals reach only this thread. Blocked ones stay pending, even
    // for the next process image.
    let held = BlockedSignals::hold();
    // The signal of the CPU profiler only reaches threads with a sampling timer.
    crate::admin::let_samples_through();
    // Handlers come first, so that no early signal is lost.
    let signals = || {
        runtime.block_on(async {
            start_reaping()?;
            Signals::new()
        })
    };
    let signals =
        retry.run("signals", signals).map_err(|error| ServeError::Refused("signals", error))?;
    let mut requests = runtime.block_on(async { Requests::new(signals, &plan, tasks) });
    let mut supervisor = begin(input, plan, notifier, activated, handover, &retry)?;
    supervisor.watch_from_start(read);
    held.release();
    let app = App::new(handle.clone(), supervisor.observer(), supervisor.events());
    // Returns the memory used to read the configuration and bind the listeners.
    sys::release_free_memory();
    ready(requests.stopper());
    let serving = serve_clients(&mut supervisor, &mut requests, &handle, app, is_start, keep);
    let drain = runtime.block_on(serving);
    end(supervisor, &drain);
    Ok(())
}

/// Accepts clients, and follows what changes outside, until the shutdown.
async fn serve_clients(
    supervisor: &mut Supervisor,
    requests: &mut Requests,
    handle: &SupervisorHandle,
    app: App,
    is_start: bool,
    keep: Option<OpenedKeep>,
) -> Drain {
    open(supervisor, app, is_start);
    _ = tokio::spawn(follow_sets(supervisor.resolver(), handle.clone()));
    let (leave, leaving) = watch::channel(false);
    let fleet = tokio::spawn(follow_fleet(handle.clone(), keep, is_start, leaving));
    let drain = run(supervisor, requests, handle, &leave).await;
    // It has been asked to leave, within a second.
    let _ = fleet.await;
    drain
}

/// Looks up the names to listen on, before sockets of the service manager are compared with the listeners. A handover
/// had the addresses, unless it is damaged: listeners on names are then skipped.
fn find_listen_addresses(plan: &mut Plan, is_upgrade: bool) -> Result<(), ServeError> {
    resolve_now(plan)
        .or_else(|failed| if is_upgrade { Ok(()) } else { Err(ServeError::Names(failed)) })
}

/// Binds the listeners and starts the workers and the journal, or resumes those of the previous
/// process image. The admin interface listens but does not accept yet.
fn begin(
    input: plan::Input,
    plan: Plan,
    notifier: Notifier,
    activated: ActivatedSockets,
    mut handover: Option<Handover>,
    retry: &RetryPolicy,
) -> Result<Supervisor, ServeError> {
    let in_force = match &handover {
        Some(handover) => handover.in_force(&plan),
        None => InForce::of(&plan),
    };
    let admin = bind_admin(&in_force, plan.config.is_some(), handover.as_mut())?;
    // After the admin socket's directory exists, and before the first thread starts.
    let sandbox = match &handover {
        Some(handover) => handover.sandbox(),
        None => Sandbox::enter(&plan).map_err(ServeError::Sandbox)?,
    };
    let is_upgrade = handover.is_some();
    let mut supervisor = match handover {
        Some(handover) => resume(input, plan, in_force, notifier, handover, retry)?,
        None => start(input, plan, notifier, activated)?,
    };
    supervisor.set_surroundings(admin, sandbox);
    supervisor.admin_mut().open_reserve();
    if is_upgrade {
        supervisor.keep_journal();
    } else {
        supervisor.log_startup();
        supervisor
            .start_journal()
            .map_err(|error| ServeError::Refused("start the journal", error))?;
    }
    Ok(supervisor)
}

/// Opens the admin interface, and notifies the service manager of readiness. At a start, looks up the targets; an
/// upgrade has the answers of the previous image.
fn open(supervisor: &mut Supervisor, app: App, is_start: bool) {
    if is_start {
        supervisor.look_up_targets();
    }
    admin::open(supervisor.admin_mut(), app);
    supervisor.start_checks(is_start);
    supervisor.notify_manager();
    start_watchdog(supervisor.notifier(), &supervisor.observer());
}

/// Resets the remaining sessions, stops the workers and the journal, and logs the result.
fn end(supervisor: Supervisor, drain: &Drain) {
    // A journal that hangs in the kernel would block this thread's log line too.
    if supervisor.stop(STOP_LIMIT, LOG_LIMIT) {
        drain.report();
    }
}

/// Binds the admin interface. After an upgrade a failure is logged only, to keep the sessions.
fn bind_admin(
    in_force: &InForce,
    reads_a_file: bool,
    handover: Option<&mut Handover>,
) -> Result<AdminListeners, ServeError> {
    let process = &in_force.process;
    let Some(handover) = handover else {
        return AdminListeners::bind(process, reads_a_file).map_err(ServeError::Admin);
    };
    Ok(handover.admin_listeners(process, reads_a_file))
}

/// Result of the shutdown.
struct Drain {
    /// Sessions open at its begin.
    open: u32,
    /// Sessions open at its end, which are reset.
    cut: u32,
    took: Duration,
    /// Origin of a second request, which ended it early.
    asked_again_by: Option<&'static str>,
}

impl Drain {
    fn report(&self) {
        tracing::info!(
            ended = self.open.saturating_sub(self.cut),
            cut = self.cut,
            seconds = observe::log::seconds(self.took),
            asked_again_by = self.asked_again_by,
            "stopped"
        );
    }
}

/// Serves until a request to stop, then drains until the sessions have ended, the time limit is
/// over, or a second request comes.
async fn run(
    supervisor: &mut Supervisor,
    requests: &mut Requests,
    handle: &SupervisorHandle,
    leave: &watch::Sender<bool>,
) -> Drain {
    let asked_by = serve_until_stop(supervisor, requests, handle).await;
    // Publishers do not wait for an instance that shuts down.
    leave.send_replace(true);
    let began = Instant::now();
    let (open, limit) = supervisor.drain(asked_by);
    let observer = supervisor.observer();
    let asked_again_by = tokio::select! {
        () = drained(&observer) => None,
        () = tokio::time::sleep(limit) => None,
        again = serve_until_stop(supervisor, requests, handle) => Some(again),
    };
    Drain { open, cut: observer.sessions(), took: began.elapsed(), asked_again_by }
}

/// Handles requests until one to stop. Returns its origin.
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
            // A signal has no answer: the log has the result.
            Request::Upgrade => {
                _ = tokio::spawn(upgrade(handle.clone(), UpgradeOptions::default(), "SIGUSR2"));
            }
            Request::Task(task) => task(supervisor).await,
            Request::Due => supervisor.run_due_work().await,
        }
    }
}

async fn drained(observer: &engine::Observer) {
    while observer.sessions() > 0 {
        tokio::time::sleep(DRAIN_CHECK).await;
    }
}
