//! Data of the handlers.

use super::session_rates::SessionRates;
use super::total_rates::TotalRates;
use crate::supervisor::SupervisorHandle;
use engine::Observer;
use observe::Events;
use std::sync::Arc;

/// Data of the handlers.
#[derive(Clone)]
pub(crate) struct App {
    pub(super) supervisor: SupervisorHandle,
    pub(super) observer: Observer,
    pub(super) events: Events,
    pub(super) session_rates: Arc<SessionRates>,
    pub(super) total_rates: Arc<TotalRates>,
}

impl App {
    pub(crate) fn new(supervisor: SupervisorHandle, observer: Observer, events: Events) -> Self {
        Self {
            supervisor,
            observer,
            events,
            session_rates: Arc::default(),
            total_rates: Arc::default(),
        }
    }
}
