//! What every answer of the admin interface is made of.

use super::growth::Growth;
use super::rates::Rates;
use crate::supervisor::SupervisorHandle;
use engine::Observer;
use observe::Events;
use std::sync::Arc;

/// What answers are made of.
#[derive(Clone)]
pub(crate) struct App {
    pub(super) supervisor: SupervisorHandle,
    pub(super) observer: Observer,
    pub(super) events: Events,
    pub(super) rates: Arc<Rates>,
    pub(super) growth: Arc<Growth>,
    /// Who asks is this process's own user: what it may read, they may.
    pub(super) local_user: bool,
}

impl App {
    pub(crate) fn new(supervisor: SupervisorHandle, observer: Observer, events: Events) -> Self {
        Self {
            supervisor,
            observer,
            events,
            rates: Arc::default(),
            growth: Arc::default(),
            local_user: false,
        }
    }
}
