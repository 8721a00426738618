//! The beginning of a client's stream, read as a header of the PROXY protocol.

#![no_main]

use flow::{MOST_PROXY_HEADER, ProxyHeader, SendProxy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some(header)) = ProxyHeader::read(bytes) else { return };
    assert!((1..=MOST_PROXY_HEADER.min(bytes.len())).contains(&header.length));
    // Neither more bytes nor fewer ones give another header.
    assert_eq!(ProxyHeader::read(&bytes[..header.length]), Ok(Some(header.clone())));
    assert_eq!(ProxyHeader::read(&bytes[..header.length - 1]), Ok(None));
    // The addresses come back from a header of ours.
    let written = SendProxy::V2.header(&header.addresses);
    let again = ProxyHeader::read(&written).ok().flatten().map(|again| again.addresses);
    assert_eq!(again, Some(header.addresses));
});
