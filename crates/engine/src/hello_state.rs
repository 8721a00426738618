//! Progress of reading a TLS ClientHello, and its server name.

/// State of a session whose route depends on the ClientHello of its client.
#[derive(Default)]
pub(crate) struct HelloState {
    /// Bytes that the client must have sent for a complete hello, at least; 0 before the first byte.
    pub(crate) needs: usize,
    /// The server that the client asked for.
    pub(crate) server_name: Option<Box<str>>,
}
