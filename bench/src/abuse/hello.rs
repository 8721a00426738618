//! The TLS ClientHello of a neighbour, and the beginning of one that never ends.

/// The bytes behind their length in two bytes.
fn block(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

/// A ClientHello (RFC 8446, 4.1.2) with a server name (RFC 6066, 3), in one record.
pub(super) fn with_name(name: &str) -> Vec<u8> {
    let names = block(&[&[0][..], &block(name.as_bytes())].concat());
    let extension = |kind: u16, content: &[u8]| [&kind.to_be_bytes()[..], &block(content)].concat();
    let extensions = [extension(13, &block(&[4, 3])), extension(0, &names)].concat();
    let begin = [&[3, 3][..], &[9; 32], &[0], &block(&[0x13, 1]), &[1, 0]].concat();
    let body = [begin, block(&extensions)].concat();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    let message = [&[1][..], &length[1..], &body].concat();
    [&[22, 3, 1][..], &block(&message)].concat()
}

/// The first bytes of a hello.
pub(super) fn begun() -> Vec<u8> {
    let mut hello = with_name("a.test");
    hello.truncate(40);
    hello
}
