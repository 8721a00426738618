//! The start of a process without a previous image: its workers and all of its listeners.

use crate::serve_error::{ServeError, UnboundListener};
use crate::supervisor::upgrade::RetryPolicy;
use crate::supervisor::{Supervisor, detail};
use discover::Resolver;
use engine::{Engine, Options, PassedSockets};
use host::{ActivatedSockets, Capacity, Notifier, Store, capacity, workers};
use plan::Plan;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// Time limit for the workers to stop. They need milliseconds; a hanging one ends with the process.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(2);

/// The single-threaded runtime of the control thread.
///
/// # Errors
///
/// The host refuses an epoll instance or a descriptor.
pub(crate) fn control_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Starts the workers and binds every listener.
pub(crate) fn start(
    input: plan::Input,
    mut plan: Plan,
    notifier: Notifier,
    activated: ActivatedSockets,
) -> Result<Supervisor, ServeError> {
    let unknown = host::find_socket_owners(&mut plan);
    if !unknown.is_empty() {
        return Err(ServeError::Owners(unknown));
    }
    let workers = workers(&plan);
    let limit = sys::raise_open_files_limit();
    let open_files = sys::open_files().unwrap_or(0);
    let capacity = capacity(&plan, workers, limit, open_files).map_err(ServeError::NoRoom)?;
    let refused = host::refused_options(&plan);
    if !refused.is_empty() {
        return Err(ServeError::Options(refused));
    }
    let once = RetryPolicy::new(false);
    let (mut engine, resolver) =
        start_engine(&plan, workers, capacity, activated.sockets, Vec::new(), &once)?;
    let mut store = Store::from_environment(notifier, activated.kept);
    store.remove(activated.stale);
    if let Err(error) = listen(&plan, &mut engine) {
        engine.stop(STOP_LIMIT);
        return Err(error);
    }
    store.follow(&engine);
    let mut supervisor = Supervisor::new(input, plan, engine, resolver, workers, capacity, store);
    supervisor.restore_published();
    supervisor.watch_names();
    Ok(supervisor)
}

/// Starts the workers and the resolver.
pub(crate) fn start_engine(
    plan: &Plan,
    workers: usize,
    capacity: Capacity,
    passed: PassedSockets,
    epolls: Vec<OwnedFd>,
    retry: &RetryPolicy,
) -> Result<(Engine, Arc<Resolver>), ServeError> {
    let resolver = retry.run("the resolver's thread", Resolver::start);
    let resolver =
        Arc::new(resolver.map_err(|error| ServeError::Refused("start the resolver", error))?);
    let options = Options {
        workers,
        max_sessions: capacity.sessions,
        pipes: capacity.pipes,
        detail: detail(&plan.log),
        seed: sys::random_u64(),
        resolver: Arc::<Resolver>::clone(&resolver),
    };
    let should_retry = |error: &std::io::Error| retry.should_retry("a worker", error);
    let engine = Engine::start_with(&options, passed, epolls, &should_retry)
        .map_err(|error| ServeError::Refused("start the workers", error))?;
    engine.set_spin(plan.process.spin.unwrap_or_default());
    Ok((engine, resolver))
}

/// Binds every forward. The error lists all listeners that cannot be bound.
fn listen(plan: &Plan, engine: &mut Engine) -> Result<(), ServeError> {
    // A published forward that cannot be bound keeps no other one from serving: there is no configuration to stay with.
    // It is tried again until it listens.
    let may_skip = |forward: &plan::Forward| forward.optional || plan.is_published(forward);
    let result = engine.apply(&plan.forwards, &may_skip);
    let result = result.map(|applied| {
        applied.published.wait();
        applied.skipped
    });
    for unbound in result.as_deref().unwrap_or_default() {
        let (forward, error) = (&plan.forwards[unbound.position], &unbound.error);
        tracing::warn!(forward = forward.name, place = %forward.location, %error, "forward skipped");
    }
    let Err(failed) = result else {
        let any = engine.listeners() > 0 || plan.fleet.is_some();
        return any.then_some(()).ok_or(ServeError::NoListener);
    };
    let listeners = failed.iter().map(|unbound| UnboundListener::new(plan, unbound));
    Err(ServeError::Unbound(listeners.collect()))
}
