//! A target's own settings of the PROXY header that it gets.

use flow::SendProxy;
use std::sync::atomic::{AtomicU8, Ordering};

/// The header, and whether TLVs are passed on in it; `None` where the forward decides.
pub(crate) type HeaderOptions = (Option<SendProxy>, Option<bool>);

const SEND_PROXY: [Option<SendProxy>; 4] =
    [None, Some(SendProxy::Off), Some(SendProxy::V1), Some(SendProxy::V2)];
const PASS_TLVS: [Option<bool>; 4] = [None, Some(false), Some(true), None];

/// [`HeaderOptions`] that a reload replaces: the position of the header in the lower two bits, that of the other in
/// the two above.
#[derive(Default)]
pub(crate) struct OwnHeader(AtomicU8);

impl OwnHeader {
    pub(crate) fn get(&self) -> HeaderOptions {
        let bits = usize::from(self.0.load(Ordering::Relaxed));
        (SEND_PROXY[bits & 3], PASS_TLVS[(bits >> 2) & 3])
    }

    /// Changes them for new sessions.
    pub(crate) fn set(&self, (send_proxy, pass_tlvs): HeaderOptions) {
        let header = SEND_PROXY.iter().position(|it| *it == send_proxy).unwrap_or_default();
        let tlvs = PASS_TLVS.iter().position(|it| *it == pass_tlvs).unwrap_or_default();
        self.0.store(u8::try_from(header | (tlvs << 2)).unwrap_or_default(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_kept() {
        let own = OwnHeader::default();
        assert_eq!(own.get(), (None, None));
        for header in SEND_PROXY {
            for tlvs in PASS_TLVS {
                own.set((header, tlvs));
                assert_eq!(own.get(), (header, tlvs));
            }
        }
    }
}
