//! State of the first bytes of a client: PROXY header and TLS ClientHello.

use crate::hello_state::HelloState;
use crate::proxied::Proxied;

/// State of a session whose client had to begin with a PROXY header, or whose route depends on a ClientHello. Boxed:
/// most sessions have none.
#[derive(Default)]
pub(crate) struct Greeting {
    /// `Some` if the client had to begin with a PROXY header.
    pub(crate) proxied: Option<Proxied>,
    /// `Some` if the route depends on the ClientHello, from the header on.
    pub(crate) hello: Option<HelloState>,
}
