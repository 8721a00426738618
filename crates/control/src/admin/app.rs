//! Data of the handlers.

use super::places::MOST_VIEWERS;
use super::session_rates::SessionRates;
use super::total_rates::TotalRates;
use crate::supervisor::SupervisorHandle;
use engine::Observer;
use observe::Events;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Data of the handlers.
#[derive(Clone)]
pub(crate) struct App {
    pub(super) supervisor: SupervisorHandle,
    pub(super) observer: Observer,
    pub(super) events: Events,
    /// Event streams that viewers may still open.
    pub(super) viewer_streams: Arc<Semaphore>,
    pub(super) session_rates: Arc<SessionRates>,
    pub(super) total_rates: Arc<TotalRates>,
}

impl App {
    pub(crate) fn new(supervisor: SupervisorHandle, observer: Observer, events: Events) -> Self {
        Self {
            supervisor,
            observer,
            events,
            viewer_streams: Arc::new(Semaphore::new(MOST_VIEWERS)),
            session_rates: Arc::default(),
            total_rates: Arc::default(),
        }
    }
}
