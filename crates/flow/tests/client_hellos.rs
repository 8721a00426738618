//! TLS ClientHellos, divided into records and reads in every way, and read by another implementation (`rustls`).

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod hello_rules;

use flow::{ClientHello, HelloRead, MOST_CLIENT_HELLO};
use hello_rules::read_by_rustls;
use proptest::prelude::*;

/// An extension: type, length, content.
fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &length(content.len()), content].concat()
}

fn length(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap().to_be_bytes()
}

/// The content behind its length in two bytes.
fn block(content: &[u8]) -> Vec<u8> {
    [&length(content.len())[..], content].concat()
}

fn server_name(name: &[u8]) -> Vec<u8> {
    extension(0, &block(&[&[0][..], &block(name)].concat()))
}

fn alpn(protocols: &[Vec<u8>]) -> Vec<u8> {
    let list: Vec<u8> = protocols
        .iter()
        .flat_map(|it| [&[u8::try_from(it.len()).unwrap()][..], it].concat())
        .collect();
    extension(16, &block(&list))
}

/// What every hello of TLS 1.2 has: signature algorithms.
fn signatures() -> Vec<u8> {
    extension(13, &block(&[4, 3, 8, 4]))
}

/// A message with these extensions.
fn message(extensions: &[u8]) -> Vec<u8> {
    let body = [&[3, 3][..], &[7; 32], &[0], &block(&[0x13, 1, 0xc0, 0x2f]), &[1, 0]].concat();
    let body = [body, block(extensions)].concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[1][..], &length[1..], &body].concat()
}

/// The message in records of these sizes, the last of which repeats.
fn records(message: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut rest = message;
    let mut all = Vec::new();
    let mut sizes = sizes.iter().copied();
    let mut size = 1;
    while !rest.is_empty() {
        size = sizes.next().unwrap_or(size).clamp(1, 1 << 14);
        let (content, after) = rest.split_at(size.min(rest.len()));
        all.extend([&[22, 3, 1][..], &block(content)].concat());
        rest = after;
    }
    all
}

fn usual() -> (Vec<u8>, HelloRead) {
    let protocols = vec![b"h2".to_vec(), b"postgresql".to_vec()];
    let extensions = [signatures(), server_name(b"Db.Example.com"), alpn(&protocols)].concat();
    let hello = ClientHello { server_name: Some("db.example.com".to_owned()), protocols };
    (message(&extensions), HelloRead::Complete(hello))
}

/// The length of the beginning from which on the hello is complete. Each shorter one must say that it is not, and
/// that it needs no more than there is.
#[track_caller]
fn length_of_hello(bytes: &[u8], expected: &HelloRead) -> usize {
    for count in 0..=bytes.len() {
        match HelloRead::of(&bytes[..count]) {
            HelloRead::Incomplete { needs } => {
                assert!((count + 1..=bytes.len()).contains(&needs), "{needs} after {count}");
            }
            read => {
                assert_eq!(read, *expected);
                return count;
            }
        }
    }
    panic!("never complete");
}

#[test]
fn a_hello_may_be_divided_anywhere() {
    let (message, hello) = usual();
    for first in 1..message.len() {
        for bytes in [
            records(&message, &[first, message.len()]),
            records(&message, &[first]),
            records(&message, &[1, first, message.len()]),
        ] {
            assert_eq!(length_of_hello(&bytes, &hello), bytes.len());
            let more = [&bytes[..], b"\x14\x03\x03\x00\x01\x01and more"].concat();
            assert_eq!(HelloRead::of(&more), hello);
        }
    }
}

/// A reader that waits for the announced number of bytes reads a hello a few times, however it is divided.
#[test]
fn few_reads_find_a_hello_that_comes_byte_by_byte() {
    let padded =
        |count: usize| message(&[server_name(b"a"), extension(21, &vec![0; count])].concat());
    for (count, size, most) in [(1500, 1 << 14, 3), (60_000, 1 << 14, 8), (10_000, 1, 60)] {
        let bytes = records(&padded(count), &[size]);
        let (mut have, mut reads) = (0, 0);
        while let HelloRead::Incomplete { needs } = HelloRead::of(&bytes[..have]) {
            (have, reads) = (needs, reads + 1);
        }
        assert!(matches!(HelloRead::of(&bytes[..have]), HelloRead::Complete(_)));
        assert!(reads <= most, "{reads} reads for {count} bytes in records of {size}");
    }
}

#[test]
fn the_longest_hello_is_64_kib() {
    let hello = |count: usize, size: usize| {
        let padding = extension(21, &vec![0; count]);
        HelloRead::of(&records(&message(&padding), &[size]))
    };
    let most = MOST_CLIENT_HELLO - 4 * 5 - message(&extension(21, &[])).len();
    assert!(matches!(hello(most, 1 << 14), HelloRead::Complete(_)));
    assert_eq!(hello(MOST_CLIENT_HELLO / 6 + 1, 1), HelloRead::NotTls);
    // Its length alone says so.
    assert_eq!(HelloRead::of(&[22, 3, 1, 64, 0, 1, 1, 0, 0]), HelloRead::NotTls);
}

#[test]
fn other_bytes_are_no_hello_as_soon_as_they_differ() {
    let (message, _) = usual();
    let hello = records(&message, &[1 << 14]);
    for (position, other) in [(0, 23), (1, 2), (3, 0x40), (5, 2)] {
        let mut bytes = hello.clone();
        bytes[position] = other;
        assert_eq!(HelloRead::of(&bytes), HelloRead::NotTls, "{position}");
    }
    for text in ["GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "\0\0\0\x08\x04\x16\x2f", "\x16GET"] {
        let first = usize::from(text.starts_with('\x16')) + 1;
        assert_eq!(HelloRead::of(&text.as_bytes()[..first]), HelloRead::NotTls, "{text:?}");
    }
    // An empty record, and an alert among the records.
    assert_eq!(HelloRead::of(&[22, 3, 1, 0, 0]), HelloRead::NotTls);
    let alert = [&records(&message[..50], &[50])[..], &[21, 3, 1, 0, 2, 2, 40]].concat();
    assert_eq!(HelloRead::of(&alert), HelloRead::NotTls);
}

#[test]
fn malformed_hellos_are_not_tls() {
    let name = server_name(b"a.test");
    let protocols = alpn(&[b"h2".to_vec()]);
    let two_names = block(&[&[0][..], &block(b"a"), &[0], &block(b"b")].concat());
    for extensions in [
        [&name[..], &name].concat(),
        [&protocols[..], &protocols].concat(),
        extension(0, &two_names),
        extension(0, &block(&[0, 0, 9, b'a'])),
        extension(0, &[]),
        extension(16, &block(&[0])),
        extension(16, &block(&[3, b'h'])),
        [&extension(16, &block(b"\x02h2"))[..], &[0]].concat(),
        vec![0, 16, 0, 9, 1],
    ] {
        let bytes = records(&message(&extensions), &[1 << 14]);
        assert_eq!(HelloRead::of(&bytes), HelloRead::NotTls, "{extensions:?}");
    }
    let mut behind = message(&name);
    let length = behind.len() - 3;
    behind[3] = u8::try_from(length).unwrap();
    behind.push(0);
    assert_eq!(HelloRead::of(&records(&behind, &[99])), HelloRead::NotTls, "behind the extensions");
}

/// Before TLS 1.2 a hello may end before its extensions.
#[test]
fn an_old_hello_has_no_names() {
    let body = [&[3, 1][..], &[7; 32], &[0], &block(&[0, 5]), &[1, 0]].concat();
    let message = [&[1, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat();
    let nameless = HelloRead::Complete(ClientHello::default());
    assert_eq!(HelloRead::of(&records(&message, &[7])), nameless);
}

/// Found by the fuzz target: `rustls` ignores it.
#[test]
fn the_version_in_the_message_decides_nothing() {
    let (mut message, hello) = usual();
    message[4] = 1;
    let bytes = records(&message, &[1 << 14]);
    assert_eq!(HelloRead::of(&bytes), hello);
    assert!(read_by_rustls(&bytes).is_some());
}

fn any_name() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[a-zA-Z0-9]{1,20}(\\.[a-z0-9]{1,20}){0,4}\\.[a-z]{1,9}")
}

fn any_protocols() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..5)
}

fn any_hello() -> impl Strategy<Value = (Vec<u8>, ClientHello)> {
    (any_name(), any_protocols(), 0usize..3000).prop_map(|(name, protocols, padding)| {
        let mut extensions = signatures();
        extensions.extend(extension(0x0a0a, &[]));
        extensions.extend(name.iter().flat_map(|name| server_name(name.as_bytes())));
        if !protocols.is_empty() {
            extensions.extend(alpn(&protocols));
        }
        extensions.extend(extension(21, &vec![0; padding]));
        let server_name = name.map(|name| name.to_lowercase());
        (message(&extensions), ClientHello { server_name, protocols })
    })
}

proptest! {
    #[test]
    fn rustls_finds_the_same_names(
        (message, hello) in any_hello(),
        sizes in prop::collection::vec(1usize..700, 1..20),
    ) {
        let bytes = records(&message, &sizes);
        prop_assert_eq!(read_by_rustls(&bytes), Some(hello.clone()));
        prop_assert_eq!(HelloRead::of(&bytes), HelloRead::Complete(hello));
    }

    /// A hello with a wrong byte is refused here, or its names are those that another reader finds.
    #[test]
    fn no_damage_makes_two_readers_see_different_names(
        (message, _) in any_hello(),
        damage in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = records(&message, &[1 << 14]);
        let position = damage.index(bytes.len());
        bytes[position] = byte;
        hello_rules::check(&bytes);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let hello = [&[22, 3, 1, 0, 250, 1, 0, 0, 246, 3, 3][..], &bytes].concat();
        hello_rules::check(&bytes);
        hello_rules::check(&hello);
    }
}

/// A type alone could be the begin of anything: RFC 6066, section 3, wants a length behind each.
#[test]
fn a_name_of_another_type_needs_a_length() {
    let hello = |other: &[u8]| {
        let names = block(&[&[0][..], &block(b"one.test"), other].concat());
        records(&message(&[signatures(), extension(0, &names)].concat()), &[1 << 14])
    };
    let [with, without] = [&[98, 0, 1, 7][..], &[98]].map(hello);
    let name = ClientHello { server_name: Some("one.test".to_owned()), protocols: Vec::new() };
    assert_eq!(HelloRead::of(&with), HelloRead::Complete(name.clone()));
    assert_eq!(HelloRead::of(&without), HelloRead::NotTls);
    for bytes in [with, without] {
        assert_eq!(read_by_rustls(&bytes), Some(name.clone()), "without a look at the other name");
        hello_rules::check(&bytes);
    }
}

/// Why the program does not read hellos with `rustls`: old clients, which do not say what signatures they take,
/// name their server, too.
#[test]
fn an_old_hello_has_a_name_that_rustls_does_not_read() {
    let old = records(&message(&server_name(b"old.test")), &[1 << 14]);
    let hello = ClientHello { server_name: Some("old.test".to_owned()), protocols: Vec::new() };
    assert_eq!(HelloRead::of(&old), HelloRead::Complete(hello));
    assert_eq!(read_by_rustls(&old), None);
}
