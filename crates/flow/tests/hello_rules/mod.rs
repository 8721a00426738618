//! What holds for any first bytes of a client, read as a TLS ClientHello. The tests and the fuzz target check it.

use flow::{ClientHello, HelloRead, MOST_CLIENT_HELLO};
use rustls::server::Acceptor;

/// Checks all rules.
pub(crate) fn check(bytes: &[u8]) {
    let whole = HelloRead::of(bytes);
    match &whole {
        HelloRead::Incomplete { needs } => {
            assert!(*needs > bytes.len() && *needs <= MOST_CLIENT_HELLO, "{needs}");
        }
        HelloRead::Complete(hello) => can_be_shown(hello),
        HelloRead::NotTls => {}
    }
    // A reader of parts decides in the same way, or still waits where later bytes are wrong.
    match read_in_parts(bytes) {
        HelloRead::Incomplete { .. } => assert!(!matches!(whole, HelloRead::Complete(_))),
        decided => assert_eq!(decided, whole),
    }
    if let Some(others) = read_by_rustls(bytes) {
        agree(whole, &others);
    }
}

fn can_be_shown(hello: &ClientHello) {
    let name = hello.server_name.as_deref().unwrap_or("a");
    assert!((1..=253).contains(&name.len()) && name.bytes().all(|it| it.is_ascii_graphic()));
    assert!(hello.protocols.iter().all(|it| (1..=255).contains(&it.len())));
}

/// Waits for the announced number of bytes before each further read.
fn read_in_parts(bytes: &[u8]) -> HelloRead {
    let mut have = 0;
    loop {
        match HelloRead::of(&bytes[..have]) {
            HelloRead::Incomplete { needs } if needs <= bytes.len() => have = needs,
            read => return read,
        }
    }
}

/// A hello that a server accepts has the names that this server finds. `rustls` ignores a name that is an address.
fn agree(own: HelloRead, others: &ClientHello) {
    let HelloRead::Complete(own) = own else { panic!("{own:?}, but a server reads {others:?}") };
    assert_eq!(own.protocols, others.protocols);
    if others.server_name.is_some() {
        assert_eq!(own.server_name, others.server_name);
    }
}

/// The names that `rustls` finds; `None` if it refuses the hello or waits for more.
pub(crate) fn read_by_rustls(bytes: &[u8]) -> Option<ClientHello> {
    let mut acceptor = Acceptor::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        acceptor.read_tls(&mut rest).ok()?;
        if let Some(accepted) = acceptor.accept().map_err(|(error, _)| error).ok()? {
            let hello = accepted.client_hello();
            let protocols = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
            return Some(ClientHello {
                server_name: hello.server_name().map(str::to_lowercase),
                protocols,
            });
        }
    }
    None
}
