//! Which sessions a filter selects: open and ended ones.

use crate::report::SessionRecord;
use crate::session::Session;
use crate::view::{SessionFilter, TargetFilter};
use sys::Address;
use sys::kernel::Kernel;

impl SessionFilter {
    /// Whether the filter selects this session.
    pub(crate) fn selects<K: Kernel>(&self, session: &Session<K>) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&session.id))
            && self.selects_parties(&session.route().forward.name, session.client_address)
            && self.target.as_ref().is_none_or(|target| {
                let text = session.last_target().map(|target| &*target.text);
                target.selects(text, session.target_address)
            })
    }

    /// Whether the filter selects this ended session.
    pub fn selects_ended(&self, record: &SessionRecord) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&record.id))
            && self.selects_parties(record.forward(), record.client)
            && self
                .target
                .as_ref()
                .is_none_or(|target| target.selects(record.target(), record.target_address))
    }

    fn selects_parties(&self, forward: &str, client: Address) -> bool {
        self.forwards.as_ref().is_none_or(|it| it.contains(forward))
            && self.client.as_ref().is_none_or(|filter| filter.selects(client.ip()))
            && self.text.as_ref().is_none_or(|text| {
                text.forwards.contains(forward)
                    || text.client.as_ref().is_some_and(|filter| filter.selects(client.ip()))
            })
    }

    /// Whether no further session can match, after this number of them.
    pub(crate) fn is_exhausted(&self, found: u64) -> bool {
        self.ids.as_ref().is_some_and(|ids| found >= ids.len() as u64)
    }
}

impl TargetFilter {
    /// Whether this is the target of a session, by its text or by the address that is connected.
    fn selects(&self, text: Option<&str>, address: Option<Address>) -> bool {
        let address = address.and_then(Address::ip);
        text == Some(&*self.text) || (address.is_some() && address == self.address)
    }
}
