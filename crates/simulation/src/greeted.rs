//! What the client of a session has sent first, as far as it is known: its header, and its hello.

use crate::content;
use crate::opening::{Stated, of_unix_listener};
use crate::script::Forward;
use crate::session::Session;
use crate::targets::Heard;
use flow::{Peer, Time};
use std::net::IpAddr;

/// Type of a record of TLS with a part of the handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;
/// Bytes in front of the content of a record, and of the body of a message.
const RECORD_HEADER: usize = 5;
const MESSAGE_HEADER: usize = 4;

impl Session {
    /// The address of its connection; `None` of a Unix socket.
    pub(crate) fn peer_address(&self) -> Option<IpAddr> {
        Some(self.address?.ip().to_canonical())
    }

    /// Its client has sent a whole and valid header, which the engine takes.
    pub(crate) fn has_header(&self) -> bool {
        let written = self.client.facts.header_written;
        let is_whole = written >= self.beginning.header.len() as u64;
        self.takes_header == Some(true) && self.beginning.is_valid && is_whole
    }

    /// The addresses that its header states, or those of its connection.
    pub(crate) fn stated(&self) -> Stated {
        match (&self.beginning.stated, self.endpoint.address(), self.address) {
            (stated, ..) if self.has_header() && *stated != Stated::Own => stated.clone(),
            (_, Some(listener), Some(client)) => Stated::Ip(client, listener),
            _ => of_unix_listener(&self.endpoint.path().display().to_string()),
        }
    }

    /// The address of its client: that in its header, once it has sent one that counts.
    pub(crate) fn client_address(&self) -> Option<IpAddr> {
        match &self.beginning.stated {
            Stated::Ip(client, _) if self.has_header() => Some(client.ip().to_canonical()),
            Stated::Unix(..) if self.has_header() => None,
            _ => self.peer_address(),
        }
    }

    /// The address that lists and limits decide about: that of the proxy, if its header states none.
    pub(crate) fn limited_address(&self) -> Option<IpAddr> {
        self.client_address().or_else(|| self.peer_address())
    }

    /// Length of the hello with which its stream begins; zero if it begins with anything else.
    fn hello_length(&self) -> usize {
        let is_stream = self.takes_header == Some(false) && !self.beginning.header.is_empty();
        if is_stream { 0 } else { self.beginning.hello.len() }
    }

    /// Number of bytes of its stream that are a hello, or are none.
    pub(crate) fn decided_by(&self) -> usize {
        let mut first = [0];
        content::fill(self.stream(Peer::Client), 0, &mut first);
        match self.hello_length() {
            // Like a record of TLS: the first bytes of its message decide.
            0 if first == [HANDSHAKE] => RECORD_HEADER + MESSAGE_HEADER + RECORD_HEADER,
            0 => RECORD_HEADER,
            length => length,
        }
    }

    /// The hello as the engine may have heard it at `now`.
    pub(crate) fn heard(&self, forward: &[Forward], began: Time, now: Time) -> Heard {
        let length = self.hello_length() as u64;
        let facts = &self.client.facts;
        let is_whole = length > 0 && facts.written >= length;
        let shortest = forward.iter().map(|it| it.admission.hello).min().unwrap_or_default();
        let is_late = now.since(began) >= shortest;
        // What is begun must be complete, unless nothing can follow.
        let is_open = !facts.fin_sent && facts.left.is_none() && facts.broken.is_none();
        let is_part = (1..length).contains(&facts.written);
        let has_begun = is_part && is_open && self.client.has_all_arrived();
        Heard {
            asked: is_whole.then_some(self.beginning.asked),
            may_lack: facts.has_marked || (!is_whole || is_late) && !has_begun,
        }
    }
}
