//! The beginning of a client's stream, read as a TLS ClientHello.

#![no_main]

use flow::{HelloRead, MOST_CLIENT_HELLO};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = HelloRead::of(bytes);
    match &whole {
        HelloRead::Incomplete { needs } => {
            assert!(*needs > bytes.len() && *needs <= MOST_CLIENT_HELLO);
        }
        HelloRead::Complete(hello) => {
            let name = hello.server_name.as_deref().unwrap_or("a");
            assert!((1..=253).contains(&name.len()) && name.bytes().all(|it| it.is_ascii_graphic()));
            assert!(hello.protocols.iter().all(|it| (1..=255).contains(&it.len())));
        }
        HelloRead::NotTls => {}
    }
    // A reader that gets the bytes in parts waits, and then comes to the same result.
    let mut have = 0;
    while let HelloRead::Incomplete { needs } = HelloRead::of(&bytes[..have]) {
        if needs > bytes.len() {
            break;
        }
        have = needs;
    }
    if whole != HelloRead::NotTls {
        let read = HelloRead::of(&bytes[..have]);
        let waits = matches!(read, HelloRead::Incomplete { .. });
        assert!(read == whole || waits && matches!(whole, HelloRead::Incomplete { .. }));
    }
});
