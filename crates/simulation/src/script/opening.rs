//! The bytes with which a client begins: a header of the PROXY protocol, and a TLS ClientHello.

/// What a client sends ahead of its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// A header of the PROXY protocol.
    pub header: Option<Header>,
    /// A ClientHello. It is the beginning of the stream.
    pub hello: Option<Hello>,
}

/// A header of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its form.
    pub form: Form,
    /// The number of the client that it states.
    pub client: u8,
    /// What is wrong with it.
    pub flaw: Flaw,
    /// Bytes of the value of its TLV; only in version 2.
    pub extra: u16,
}

/// The form of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line with the client's address.
    V1,
    /// A line without an address.
    Unknown,
    /// A block with the client's address.
    V2,
    /// A block with the client's address and a checksum.
    Summed,
    /// A block of the command LOCAL, which has the client's address all the same.
    Local,
    /// A block with the paths of Unix sockets.
    Unix,
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// A byte of it is changed: of the checksum if it has one, else of its signature.
    Damaged,
    /// It states a length, or has a line, beyond the limit.
    TooLong,
}

/// A ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The number of the name that it asks for.
    pub name: Option<u8>,
    /// The number of the protocol that it offers.
    pub protocol: Option<u8>,
    /// Bytes of an extension without a meaning here.
    pub padding: u16,
    /// Number of records that it is divided into.
    pub records: u8,
}
