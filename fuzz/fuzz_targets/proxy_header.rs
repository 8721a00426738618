//! The beginning of a client's stream, read as a header of the PROXY protocol.

#![no_main]

use flow::{MOST_PROXY_HEADER, ProxyAddresses, ProxyHeader, SendProxy};
use libfuzzer_sys::fuzz_target;

/// Bytes of a v2 header ahead of its addresses, and the addresses of Unix sockets.
const MOST_BEFORE_TLVS: usize = 16 + 216;

fuzz_target!(|bytes: &[u8]| {
    match ProxyHeader::read(bytes) {
        // Bytes that may become a header have begun as one.
        Ok(None) => {
            assert!(bytes.len() < MOST_PROXY_HEADER);
            begins_one(bytes);
        }
        Ok(Some(header)) => {
            assert!((1..=MOST_PROXY_HEADER.min(bytes.len())).contains(&header.length));
            // Neither more bytes nor fewer ones give another header.
            let read = &bytes[..header.length];
            assert_eq!(ProxyHeader::read(read), Ok(Some(header.clone())));
            begins_one(&read[..read.len() - 1]);
            is_passed_on(&header, read);
        }
        Err(_) => {}
    }
});

/// Each part of the bytes is an incomplete header.
fn begins_one(bytes: &[u8]) {
    for length in 0..=bytes.len() {
        assert_eq!(ProxyHeader::read(&bytes[..length]), Ok(None), "{length}");
    }
}

/// The addresses and the TLVs come back from headers of ours.
fn is_passed_on(header: &ProxyHeader, bytes: &[u8]) {
    let addresses = &header.addresses;
    let tlvs = header.tlvs_to_pass_on(bytes);
    assert!(tlvs.len() <= header.tlvs.len());
    let written = SendProxy::V2.header_with(addresses, &tlvs);
    let again = ProxyHeader::read(&written).expect("ours is a header").expect("and complete");
    assert_eq!((again.length, &again.addresses), (written.len(), addresses));
    assert!(written.len() <= MOST_BEFORE_TLVS + tlvs.len());
    assert_eq!(again.tlvs_to_pass_on(&written), tlvs);
    if let ProxyAddresses::Ip { .. } = addresses {
        let line = SendProxy::V1.header(addresses);
        let again = ProxyHeader::read(&line).expect("a line").expect("and complete");
        assert_eq!((again.length, &again.addresses), (line.len(), addresses));
    }
}
