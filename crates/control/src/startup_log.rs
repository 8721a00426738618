//! Log lines of the start: listeners, targets, limits, and readiness.

use engine::{Engine, ForwardState, ForwardView};
use host::{Capacity, FileRole};
use observe::Version;
use plan::{EmptyEffect, EmptyFiles};

/// Listeners logged one by one. More would bury the other lines of the start.
const MOST_LOGGED: usize = 20;
/// Targets of one listener in its line.
const MOST_TARGETS_LOGGED: usize = 3;

/// Warns if other users may replace the log file.
fn warn_of_log_directory(log: &plan::Log) {
    let Some(file) = &log.file else { return };
    if let Some(writers) = observe::log::other_writers(file) {
        tracing::warn!(
            file = %file.display(),
            %writers,
            hint = "name a file in a directory that only root or the process's user may write in",
            "others may write in the directory of the log file"
        );
    }
}

/// Warns of files of prefixes that have none, with the effect on the first forward and the number of the others.
pub(crate) fn log_empty_files(files: &EmptyFiles) {
    for ((file, effect), forwards) in files {
        let Some((forward, others)) = forwards.split_first() else { continue };
        let others = Some(others.len()).filter(|others| *others > 0);
        let file = file.display();
        match effect {
            EmptyEffect::AllowsNone => tracing::warn!(
                forward, others, %file,
                "a file of prefixes is empty: allow has no prefix, and refuses every client"
            ),
            EmptyEffect::DeniesNone => tracing::warn!(
                forward, others, %file,
                "a file of prefixes is empty: deny has no prefix, and refuses no client"
            ),
            EmptyEffect::Others => tracing::warn!(
                forward, others, %file,
                "a file of prefixes is empty: the other prefixes of its list hold"
            ),
        }
    }
}

/// Warns of files that others may change, and so what root does.
pub(crate) fn warn_of_exposed_files(plan: &plan::Plan) {
    for exposed in host::exposed_files(plan) {
        let (file, writers, hint) = (exposed.path.display(), exposed.writers(), exposed.remedy());
        match exposed.role {
            FileRole::Configuration => {
                tracing::warn!(%file, %writers, hint, "others may change the configuration file");
            }
            FileRole::Program => {
                tracing::warn!(%file, %writers, hint, "others may change the program");
            }
            FileRole::Tokens => {
                tracing::warn!(%file, %writers, hint, "others may change the token file");
            }
            FileRole::Prefixes => {
                tracing::warn!(%file, %writers, hint, "others may change a file of prefixes");
            }
            FileRole::StorePassword => {
                tracing::warn!(%file, %writers, hint, "others may change the file of the store's password");
            }
        }
    }
}

/// The addresses of the admin interface and of the metrics, where there are any.
pub(crate) struct AdminPlaces<'a> {
    pub(crate) admin: Option<&'a str>,
    pub(crate) metrics: Option<&'a str>,
}

/// Logs the listeners, and last that the process is ready.
pub(crate) fn log_startup(
    plan: &plan::Plan,
    engine: &Engine,
    workers: usize,
    capacity: &Capacity,
    places: &AdminPlaces<'_>,
) {
    let is_active = |view: &ForwardView<'_>| view.state == ForwardState::Active;
    let plans = || engine.forwards().filter(is_active).map(|view| view.plan);
    let routes = || plans().flat_map(|plan| plan.routes.iter().map(move |route| (plan, route)));
    for (forward, route) in routes().take(MOST_LOGGED) {
        tracing::info!(
            forward = forward.name,
            listen = %route.listen,
            target = forward.target_addresses(route, MOST_TARGETS_LOGGED),
            "listening"
        );
    }
    let count = routes().count().saturating_sub(MOST_LOGGED);
    if count > 0 {
        tracing::info!(count, "listening on more addresses");
    }
    if let Some(wanted) = capacity.lowered_from {
        tracing::warn!(
            wanted,
            max_sessions = capacity.sessions,
            open_files_limit = capacity.open_files_limit,
            "max_sessions is more than the open-file limit allows, and was lowered"
        );
    }
    warn_of_log_directory(&plan.log);
    log_empty_files(&plan.empty_files());
    warn_of_exposed_files(plan);
    let version = Version::of_program();
    tracing::info!(
        version = version.number,
        build = version.build,
        pid = std::process::id(),
        config = plan.config.as_ref().map(|path| path.display().to_string()),
        admin = places.admin.unwrap_or("none"),
        metrics = places.metrics,
        forwards = plan.forwards.len(),
        listeners = engine.listeners(),
        workers,
        max_sessions = capacity.sessions,
        open_files_limit = capacity.open_files_limit,
        "ready"
    );
}
