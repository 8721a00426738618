//! The TLS ClientHello with which a client begins, and the rules that choose by its names.
//!
//! The hello is read from the bytes that have arrived; TLS is not terminated. RFC 8446 section 4.1.2 (the
//! message), RFC 6066 section 3 (server name), RFC 7301 (protocols: ALPN).

mod name;
mod records;
mod rule;
pub use name::{NamePattern, NotAPattern};
pub use records::MOST_CLIENT_HELLO;
pub use rule::HelloRule;

use records::Message;

// Types of extensions.
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// Type of a server name.
const HOST_NAME: u8 = 0;

/// What the first bytes of a client are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelloRead {
    /// The beginning of a hello.
    Incomplete {
        /// The complete hello has at least this number of bytes, more than were read.
        needs: usize,
    },
    /// No hello that TLS allows, or one longer than [`MOST_CLIENT_HELLO`].
    NotTls,
    /// A complete hello.
    Complete(ClientHello),
}

/// The names in a hello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The server that the client asks for, in lower case, without a final dot. At most 253 bytes, all of them
    /// visible ASCII characters: another name counts as none.
    pub server_name: Option<String>,
    /// The protocols that the client offers (ALPN), in its order.
    pub protocols: Vec<Vec<u8>>,
}

impl HelloRead {
    /// Reads the hello that `bytes` begin with. What follows it is ignored.
    pub fn of(bytes: &[u8]) -> Self {
        match records::message(&bytes[..bytes.len().min(MOST_CLIENT_HELLO)]) {
            Message::Incomplete { needs } => Self::Incomplete { needs },
            Message::NotTls => Self::NotTls,
            Message::Complete(body) => hello(&body).map_or(Self::NotTls, Self::Complete),
        }
    }
}

/// Reads the body of a message. `None` if it is malformed: its receiver would abort the handshake.
fn hello(body: &[u8]) -> Option<ClientHello> {
    let mut reader = Reader(body);
    // A server of TLS 1.3 does not use it (RFC 8446 section 4.2.1).
    let _legacy_version = reader.take(2)?;
    let _random = reader.take(32)?;
    let _session_id = reader.short_block()?;
    let _cipher_suites = reader.block()?;
    let _compression_methods = reader.short_block()?;
    let mut hello = ClientHello::default();
    if reader.is_empty() {
        // TLS 1.2 and older: extensions are optional.
        return Some(hello);
    }
    let mut extensions = reader.only_block()?;
    let (mut has_name, mut has_protocols) = (false, false);
    while !extensions.is_empty() {
        let kind = extensions.u16()?;
        let content = Reader(extensions.block()?);
        // Of two, this program and the target might choose a different one.
        match kind {
            SERVER_NAME if std::mem::replace(&mut has_name, true) => return None,
            SERVER_NAME => hello.server_name = name::normalized(server_name(content)?),
            ALPN if std::mem::replace(&mut has_protocols, true) => return None,
            ALPN => hello.protocols = protocols(content)?,
            _ => {}
        }
    }
    Some(hello)
}

/// The first host in the content of the extension; empty if it has only names of other types.
fn server_name(mut content: Reader<'_>) -> Option<&[u8]> {
    let mut names = content.only_block()?;
    let mut found = None;
    while !names.is_empty() {
        let kind = names.u8()?;
        let name = names.block()?;
        if kind == HOST_NAME && found.replace(name).is_some() {
            return None;
        }
    }
    Some(found.unwrap_or_default())
}

fn protocols(mut content: Reader<'_>) -> Option<Vec<Vec<u8>>> {
    let mut list = content.only_block()?;
    let mut protocols = Vec::new();
    while !list.is_empty() {
        let protocol = list.short_block()?;
        if protocol.is_empty() {
            return None;
        }
        protocols.push(protocol.to_vec());
    }
    Some(protocols)
}

/// Takes parts from the front of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// A block behind its length in one byte.
    fn short_block(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(length.into())
    }

    /// A block behind its length in two bytes.
    fn block(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }

    /// Like [`Self::block`], with nothing behind it.
    fn only_block(&mut self) -> Option<Self> {
        let block = self.block()?;
        self.is_empty().then_some(Self(block))
    }
}
