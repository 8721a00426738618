//! DNS messages: a question, and the answer to it.

use super::alias::canonical;
use super::service::{self, Services};
use domain::base::iana::{Class, Rcode, Rtype};
use domain::base::{Message, MessageBuilder, Name, ParsedName};
use domain::rdata::{A, Aaaa};
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// Size of a datagram that passes without fragments (the DNS flag day of 2020).
pub(crate) const DATAGRAM: u16 = 1232;

/// A family of addresses. Each is a separate question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) fn of(address: SocketAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// The records that a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Records {
    /// The addresses of a family.
    Addresses(Family),
    /// The services of a name (SRV).
    Services,
}

impl Records {
    fn record_type(self) -> Rtype {
        match self {
            Self::Addresses(Family::V4) => Rtype::A,
            Self::Addresses(Family::V6) => Rtype::AAAA,
            Self::Services => Rtype::SRV,
        }
    }
}

/// A question for records of a name.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    name: Name<Vec<u8>>,
    records: Records,
}

/// A sound answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// At least one address, and the time for which they hold.
    Addresses(Vec<IpAddr>, Duration),
    /// The services of the name; at least one.
    Services(Services),
    /// The name exists, without such records.
    NoRecord,
    /// The name does not exist.
    NotFound,
    /// The answer did not fit in a datagram.
    Truncated,
    /// The server refused the question because of EDNS.
    NoEdns,
    /// The server failed, with its word for it.
    Failed(String),
}

impl Question {
    /// `None` if `host` cannot be a name in DNS: a label of more than 63 bytes, for example.
    pub(crate) fn new(host: &str, records: Records) -> Option<Self> {
        let name = Name::from_str(host).ok()?;
        Some(Self { name, records })
    }

    /// The message, with EDNS unless the server refuses it, and the random id in it.
    pub(crate) fn message(&self, id: u16, edns: bool) -> Option<Vec<u8>> {
        let mut builder = MessageBuilder::new_vec();
        builder.header_mut().set_id(id);
        builder.header_mut().set_rd(true);
        let mut builder = builder.question();
        builder.push((&self.name, self.records.record_type())).ok()?;
        let mut builder = builder.additional();
        if edns {
            let opt = |opt: &mut domain::base::message_builder::OptBuilder<'_, _>| {
                opt.set_udp_payload_size(DATAGRAM);
                Ok(())
            };
            builder.opt(opt).ok()?;
        }
        Some(builder.finish())
    }

    /// Reads `bytes` as the answer to this question. `None` if they are something else, which may be
    /// forged: the caller goes on waiting.
    pub(crate) fn read(&self, bytes: &[u8]) -> Option<Reply> {
        let message = Message::from_octets(bytes).ok()?;
        let header = message.header();
        if !header.qr() || header.opcode() != domain::base::iana::Opcode::QUERY {
            return None;
        }
        match message.sole_question() {
            Ok(asked) if self.is_question(&asked) => {}
            // A server that does not understand EDNS may return the bare header.
            Err(_) if message.header_counts().qdcount() == 0 && is_refusal(header.rcode()) => {}
            _ => return None,
        }
        match header.rcode() {
            _ if header.tc() => Some(Reply::Truncated),
            Rcode::NOERROR => self.records(&message),
            Rcode::NXDOMAIN => Some(Reply::NotFound),
            rcode if is_refusal(rcode) => Some(Reply::NoEdns),
            rcode => Some(Reply::Failed(rcode.to_string())),
        }
    }

    fn is_question(&self, asked: &domain::base::Question<ParsedName<&[u8]>>) -> bool {
        asked.qtype() == self.records.record_type()
            && asked.qclass() == Class::IN
            && *asked.qname() == self.name
    }

    /// The records in the answer. `None` if one cannot be read: the others may be forged as well.
    fn records(&self, message: &Message<&[u8]>) -> Option<Reply> {
        match self.records {
            Records::Addresses(family) => self.addresses(message, family),
            Records::Services => {
                let services = service::read(message, &self.name)?;
                let is_empty = services.list.is_empty();
                Some(if is_empty { Reply::NoRecord } else { Reply::Services(services) })
            }
        }
    }

    fn addresses(&self, message: &Message<&[u8]>, family: Family) -> Option<Reply> {
        let answer = message.answer().ok()?;
        let (owner, mut ttl) = canonical(answer, &self.name)?;
        let mut addresses = Vec::new();
        let mut add = |seconds: u32, address: IpAddr| {
            ttl = ttl.min(seconds);
            addresses.push(address);
        };
        match family {
            Family::V4 => {
                for record in answer.limit_to_in::<A>() {
                    let record = record.ok()?;
                    if *record.owner() == owner {
                        add(record.ttl().as_secs(), record.data().addr().into());
                    }
                }
            }
            Family::V6 => {
                for record in answer.limit_to_in::<Aaaa>() {
                    let record = record.ok()?;
                    if *record.owner() == owner {
                        add(record.ttl().as_secs(), record.data().addr().into());
                    }
                }
            }
        }
        if addresses.is_empty() {
            return Some(Reply::NoRecord);
        }
        Some(Reply::Addresses(distinct(addresses), Duration::from_secs(ttl.into())))
    }
}

/// The addresses without repetitions, in their order. A message has at most 4,094.
fn distinct(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let mut known = HashSet::with_capacity(addresses.len());
    addresses.retain(|address| known.insert(*address));
    addresses
}

/// An id that an attacker off the path cannot guess.
pub(crate) fn random_id() -> u16 {
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_random_id();
    builder.header().id()
}

/// Answers to a question whose EDNS part the server does not understand (RFC 6891, section 7).
fn is_refusal(rcode: Rcode) -> bool {
    matches!(rcode, Rcode::FORMERR | Rcode::NOTIMP)
}

#[cfg(test)]
mod mutations;
