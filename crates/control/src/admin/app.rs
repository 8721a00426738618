//! What every answer of the admin interface is made of.

use super::growth::Growth;
use super::rates::Rates;
use crate::desk::Desk;
use crate::events::Events;
use engine::Observer;
use std::sync::Arc;

/// What answers are made of.
#[derive(Clone)]
pub(crate) struct App {
    pub(super) desk: Desk,
    pub(super) observer: Observer,
    pub(super) events: Events,
    pub(super) rates: Arc<Rates>,
    pub(super) growth: Arc<Growth>,
    /// Who asks is this process's own user: what it may read, they may.
    pub(super) local_user: bool,
}

impl App {
    pub(crate) fn new(desk: Desk, observer: Observer, events: Events) -> Self {
        Self {
            desk,
            observer,
            events,
            rates: Arc::default(),
            growth: Arc::default(),
            local_user: false,
        }
    }
}
