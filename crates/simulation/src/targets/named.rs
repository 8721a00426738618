//! The target that the record of a session names is the one whose application had the connection.

use crate::script::{host_address, host_path};
use crate::session::Session;
use engine::SessionRecord;
use sys::Address;

/// Checks the target of a record, where the simulation knows the connection that the engine used.
pub(crate) fn check(session: &Session, record: &SessionRecord) {
    let is_known = session.has_used_target() && !session.is_passed_on();
    let Some(target) = session.target.as_ref().filter(|_| is_known) else { return };
    let number = session.number;
    let address = record.target_address.and_then(Address::ip);
    if target.is_unix {
        let path = format!("unix:{}", host_path(target.host).display());
        assert_eq!(
            (address, record.target()),
            (None, Some(&*path)),
            "session {number}: the target"
        );
    } else {
        let expected = Some(host_address(target.host));
        assert_eq!(address, expected, "session {number}: the address of its target");
    }
}
