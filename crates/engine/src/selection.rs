//! Which open sessions a filter selects.

use crate::session::Session;
use crate::view::{SessionFilter, TargetFilter};
use sys::kernel::Kernel;

impl SessionFilter {
    /// Whether the filter selects this session.
    pub(crate) fn selects<K: Kernel>(&self, session: &Session<K>) -> bool {
        let client = || session.client_address.ip();
        self.ids.as_ref().is_none_or(|ids| ids.contains(&session.id))
            && self.forwards.as_ref().is_none_or(|it| it.contains(&*session.route().forward.name))
            && self.target.as_ref().is_none_or(|target| target.selects(session))
            && self.client.as_ref().is_none_or(|filter| filter.selects(client()))
            && self.text.as_ref().is_none_or(|text| {
                text.forwards.contains(&*session.route().forward.name)
                    || text.client.as_ref().is_some_and(|filter| filter.selects(client()))
            })
    }

    /// Whether no further session can match, after this number of them.
    pub(crate) fn is_exhausted(&self, found: u64) -> bool {
        self.ids.as_ref().is_some_and(|ids| found >= ids.len() as u64)
    }
}

impl TargetFilter {
    fn selects<K: Kernel>(&self, session: &Session<K>) -> bool {
        let address = session.target_address.and_then(sys::Address::ip);
        session.last_target().is_some_and(|target| target.text == self.text)
            || (address.is_some() && address == self.address)
    }
}
