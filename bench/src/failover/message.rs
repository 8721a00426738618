//! Messages of the Domain Name System (RFC 1035, section 4), as far as the scripted name server
//! needs them.

use std::net::Ipv4Addr;

use super::way::NAME;

const HEADER_BYTES: usize = 12;

/// Record types and the class, as on the wire.
const TYPE_A: [u8; 2] = [0, 1];
const CLASS_IN: [u8; 2] = [0, 1];
/// A pointer to the name of the question.
const QUESTION_NAME: [u8; 2] = [0xc0, 12];
const TTL_SECONDS: u32 = 1;

/// Flags of an answer: authoritative, and with recursion.
const ANSWER: u16 = 0x8580;
const TRUNCATED: u16 = 0x0200;
const SERVER_FAILURE: u16 = 2;
const NO_SUCH_NAME: u16 = 3;

/// A query with one question.
#[derive(Debug)]
pub(super) struct Query<'a> {
    id: [u8; 2],
    /// Name, type and class, repeated in the answer as they came.
    question: &'a [u8],
    name_bytes: usize,
}

/// The content of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// These addresses of the name of the question.
    Addresses(Vec<Ipv4Addr>),
    /// An address of another name.
    OtherName(Ipv4Addr),
    ServerFailure,
    NoSuchName,
    Truncated,
    Garbage,
}

impl<'a> Query<'a> {
    /// Reads a query; `None` if this is none.
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let (header, body) = message.split_at_checked(HEADER_BYTES)?;
        let is_query = header[2] & 0x80 == 0 && header[4..6] == [0, 1];
        let mut end = 0;
        while *body.get(end)? != 0 {
            end += 1 + usize::from(body[end]);
        }
        let name_bytes = end + 1;
        let question = body.get(..name_bytes + 4)?;
        is_query.then(|| Self { id: [header[0], header[1]], question, name_bytes })
    }

    /// The answer as bytes. Names other than [`NAME`] do not exist.
    pub(super) fn answer(&self, reply: &Reply) -> Vec<u8> {
        let is_known = self.question[..self.name_bytes].eq_ignore_ascii_case(&encode(NAME));
        if !is_known {
            return self.message(NO_SUCH_NAME, &[]);
        }
        let is_ipv4 = self.question[self.name_bytes..][..2] == TYPE_A;
        let record = |name: &[u8], address: &Ipv4Addr| {
            let ttl = TTL_SECONDS.to_be_bytes();
            [name, &TYPE_A, &CLASS_IN, &ttl, &[0, 4], &address.octets()].concat()
        };
        match reply {
            Reply::ServerFailure => self.message(SERVER_FAILURE, &[]),
            Reply::NoSuchName => self.message(NO_SUCH_NAME, &[]),
            Reply::Truncated => self.message(TRUNCATED, &[]),
            Reply::Garbage => [&self.message(0, &[])[..HEADER_BYTES], &[0xff; 40]].concat(),
            Reply::Addresses(addresses) if is_ipv4 => {
                let records = addresses.iter().map(|it| record(&QUESTION_NAME, it));
                self.message(0, &records.collect::<Vec<_>>())
            }
            Reply::OtherName(address) if is_ipv4 => {
                self.message(0, &[record(&encode("other.test"), address)])
            }
            Reply::Addresses(_) | Reply::OtherName(_) => self.message(0, &[]),
        }
    }

    fn message(&self, flags: u16, records: &[Vec<u8>]) -> Vec<u8> {
        let flags = (ANSWER | flags).to_be_bytes();
        let count = u16::try_from(records.len()).unwrap_or(u16::MAX).to_be_bytes();
        let header = [&self.id[..], &flags, &[0, 1], &count, &[0; 4]].concat();
        [header, self.question.to_vec(), records.concat()].concat()
    }
}

/// A name as labels with their lengths.
fn encode(name: &str) -> Vec<u8> {
    let label = |label: &str| {
        let length = u8::try_from(label.len()).unwrap_or_default();
        [&[length], label.as_bytes()].concat()
    };
    let mut labels: Vec<u8> = name.split('.').flat_map(label).collect();
    labels.push(0);
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, kind: u8) -> Vec<u8> {
        let header = [7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        [&header[..], &encode(name), &[0, kind, 0, 1]].concat()
    }

    #[test]
    fn answers_repeat_the_question_and_have_their_records() {
        let bytes = query("DB.test", 1);
        let query = Query::parse(&bytes).unwrap();
        let reply = query.answer(&Reply::Addresses(vec![Ipv4Addr::LOCALHOST]));
        assert_eq!(reply[..12], [7, 9, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(reply[12..25], bytes[12..]);
        assert_eq!(reply[25..], [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
        assert_eq!(query.answer(&Reply::Truncated)[2], 0x87);
        assert_eq!(query.answer(&Reply::NoSuchName)[3], 0x83);
    }

    #[test]
    fn other_names_do_not_exist_and_other_types_are_empty() {
        let addresses = Reply::Addresses(vec![Ipv4Addr::LOCALHOST]);
        let answer = |bytes: &[u8]| Query::parse(bytes).unwrap().answer(&addresses);
        assert_eq!(answer(&query("db.test.local", 1))[3], 0x83);
        let ipv6 = answer(&query(NAME, 28));
        assert_eq!((ipv6[3], ipv6[7]), (0x80, 0));
    }

    #[test]
    fn nothing_but_a_whole_query_is_one() {
        let whole = query(NAME, 1);
        assert!((0..whole.len()).all(|length| Query::parse(&whole[..length]).is_none()));
        assert!(Query::parse(&Query::parse(&whole).unwrap().answer(&Reply::Truncated)).is_none());
    }
}
