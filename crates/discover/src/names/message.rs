//! DNS messages: a question, and the answer to it.

use domain::base::iana::{Class, Rcode, Rtype};
use domain::base::{Message, MessageBuilder, Name, ParsedName, Question, RecordSection};
use domain::rdata::{A, Aaaa, Cname};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// Size of a datagram that passes without fragments (the DNS flag day of 2020).
pub(crate) const DATAGRAM: u16 = 1232;
/// Aliases that are followed within an answer.
const MOST_ALIASES: usize = 16;
/// Addresses of a name beyond this number are ignored.
const MOST_ADDRESSES: usize = 1024;

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

    fn record_type(self) -> Rtype {
        match self {
            Self::V4 => Rtype::A,
            Self::V6 => Rtype::AAAA,
        }
    }
}

/// A question for the addresses of a name.
#[derive(Clone, Debug)]
pub(crate) struct AddressQuestion {
    name: Name<Vec<u8>>,
    family: Family,
}

/// A sound answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// At least one address, and the time for which they hold.
    Addresses(Vec<IpAddr>, Duration),
    /// The name exists, without an address of this family.
    NoAddress,
    /// The name does not exist.
    NotFound,
    /// The answer did not fit in a datagram.
    Truncated,
    /// The server refused the question because of EDNS.
    NoEdns,
    /// The server failed, with its word for it.
    Failed(String),
}

impl AddressQuestion {
    /// `None` if `host` cannot be a name in DNS: a label of more than 63 bytes, for example.
    pub(crate) fn new(host: &str, family: Family) -> Option<Self> {
        let name = Name::from_str(host).ok()?;
        Some(Self { name, family })
    }

    /// The message, with EDNS unless the server refuses it, and the random id in it.
    pub(crate) fn message(&self, id: u16, edns: bool) -> Option<Vec<u8>> {
        let mut builder = MessageBuilder::new_vec();
        builder.header_mut().set_id(id);
        builder.header_mut().set_rd(true);
        let mut builder = builder.question();
        builder.push((&self.name, self.family.record_type())).ok()?;
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
            Rcode::NOERROR => self.addresses(&message),
            Rcode::NXDOMAIN => Some(Reply::NotFound),
            rcode if is_refusal(rcode) => Some(Reply::NoEdns),
            rcode => Some(Reply::Failed(rcode.to_string())),
        }
    }

    fn is_question(&self, asked: &Question<ParsedName<&[u8]>>) -> bool {
        asked.qtype() == self.family.record_type()
            && asked.qclass() == Class::IN
            && *asked.qname() == self.name
    }

    fn addresses(&self, message: &Message<&[u8]>) -> Option<Reply> {
        let answer = message.answer().ok()?;
        let (owner, mut ttl) = canonical(answer, &self.name)?;
        let found: Vec<(u32, IpAddr)> = match self.family {
            Family::V4 => {
                let records = answer.limit_to_in::<A>().map_while(Result::ok);
                let records = records.filter(|record| *record.owner() == owner);
                records.map(|it| (it.ttl().as_secs(), it.data().addr().into())).collect()
            }
            Family::V6 => {
                let records = answer.limit_to_in::<Aaaa>().map_while(Result::ok);
                let records = records.filter(|record| *record.owner() == owner);
                records.map(|it| (it.ttl().as_secs(), it.data().addr().into())).collect()
            }
        };
        let mut addresses = Vec::new();
        for (seconds, address) in found {
            ttl = ttl.min(seconds);
            if !addresses.contains(&address) && addresses.len() < MOST_ADDRESSES {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return Some(Reply::NoAddress);
        }
        Some(Reply::Addresses(addresses, Duration::from_secs(ttl.into())))
    }
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

/// The name at the end of the aliases of `name`, and the shortest TTL on the way. `None` if the records
/// cannot be read or the aliases have no end.
fn canonical(
    answer: RecordSection<'_, &[u8]>,
    name: &Name<Vec<u8>>,
) -> Option<(Name<Vec<u8>>, u32)> {
    let mut aliases = Vec::new();
    for record in answer.limit_to_in::<Cname<_>>() {
        aliases.push(record.ok()?);
    }
    let (mut owner, mut ttl) = (name.clone(), u32::MAX);
    for _ in 0..MOST_ALIASES {
        let Some(alias) = aliases.iter().find(|alias| *alias.owner() == owner) else {
            return Some((owner, ttl));
        };
        ttl = ttl.min(alias.ttl().as_secs());
        owner = domain::base::ToName::to_name(alias.data().cname());
    }
    None
}
