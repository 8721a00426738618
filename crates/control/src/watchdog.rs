//! Periodic notifications of the service manager: the status text and the watchdog.

use engine::Observer;
use host::{Notifier, RENEW_EVERY};
use std::env;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::interval;

/// Starts to update the status text and, if the service manager has a watchdog, to notify it. Does
/// nothing without a service manager.
pub(crate) fn start_watchdog(notifier: &Notifier, observer: &Observer) {
    if !notifier.is_on() {
        return;
    }
    tokio::spawn(renew(notifier.clone(), observer.clone()));
    if let Some(limit) = watchdog_limit() {
        tokio::spawn(ping_watchdog(notifier.clone(), observer.clone(), limit / 2));
    }
}

/// Time after which the manager restarts a silent process (sd_watchdog_enabled(3)).
fn watchdog_limit() -> Option<Duration> {
    let number = |name| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let meant_for = number("WATCHDOG_PID").unwrap_or_else(|| std::process::id().into());
    let is_ours = meant_for == u64::from(std::process::id());
    let limit = number("WATCHDOG_USEC").filter(|limit| is_ours && *limit > 1)?;
    Some(Duration::from_micros(limit))
}

async fn renew(notifier: Notifier, observer: Observer) {
    let mut ticks = interval(RENEW_EVERY);
    loop {
        ticks.tick().await;
        notifier.renew(observer.sessions());
    }
}

/// Notifies the watchdog as long as all workers answer. One hanging worker is enough for silence:
/// its sessions hang with it.
async fn ping_watchdog(notifier: Notifier, observer: Observer, every: Duration) {
    let mut beats = interval(every);
    loop {
        beats.tick().await;
        all_answer(&observer).await;
        notifier.alive();
    }
}

/// Waits for an answer of every worker, forever if one hangs.
async fn all_answer(observer: &Observer) {
    let (sender, mut answers) = mpsc::channel(observer.workers());
    observer.ping_all(|| {
        let sender = sender.clone();
        // The channel has capacity for all of them.
        Box::new(move |()| _ = sender.try_send(()))
    });
    for _ in 0..observer.workers() {
        // Never `None`: `sender` is still open.
        let _ = answers.recv().await;
    }
}
