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
        let is_left_out = whole == HelloRead::NotTls && has_name_of_other_type(bytes);
        if !is_left_out {
            agree(whole, &others);
        }
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

/// Whether a server name is of another type than a host. RFC 6066, section 3, wants a length behind the type, without
/// which this program refuses the hello, as other servers do; `rustls` reads no further than the type.
fn has_name_of_other_type(bytes: &[u8]) -> bool {
    let mut records = Parts(bytes);
    let contents = std::iter::from_fn(|| records.take(3).and_then(|_| records.block(2)));
    let message: Vec<u8> = contents.flatten().copied().collect();
    server_names(&message).is_some_and(|names| {
        let mut names = Parts(names);
        let types = std::iter::from_fn(|| {
            let kind = names.take(1)?[0];
            names.block(2);
            Some(kind)
        });
        types.into_iter().any(|kind| kind != 0)
    })
}

/// The list in the extension `server_name` of a message that a server accepts.
fn server_names(message: &[u8]) -> Option<&[u8]> {
    let mut message = Parts(message);
    message.take(4 + 2 + 32)?;
    let (_session_id, _cipher_suites, _compression) =
        (message.block(1)?, message.block(2)?, message.block(1)?);
    let mut extensions = Parts(message.block(2)?);
    while let Some(kind) = extensions.take(2) {
        let content = extensions.block(2)?;
        if kind == [0, 0] {
            return Parts(content).block(2);
        }
    }
    None
}

/// Takes parts from the front of bytes.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A block behind its length in this number of bytes.
    fn block(&mut self, bytes_of_length: usize) -> Option<&'a [u8]> {
        let length = self.take(bytes_of_length)?;
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        self.take(length)
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
