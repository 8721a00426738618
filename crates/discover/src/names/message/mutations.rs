//! Damaged answers: none panics, runs long, or adds more records than it has bytes for.

use super::*;
use std::time::Instant;

const MUTATIONS: u64 = 50_000;
const ID: u16 = 7;
/// Type and class, TTL of a minute.
const SRV: [u8; 8] = [0, 33, 0, 1, 0, 0, 0, 60];
const A: [u8; 8] = [0, 1, 0, 1, 0, 0, 0, 60];
/// A pointer to the name in the question.
const NAME: [u8; 2] = [0xC0, 12];

/// A generator of random numbers (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.below(256).to_be_bytes()[7]
    }
}

/// The records of an answer, each as its bytes.
struct Sections {
    answer: Vec<Vec<u8>>,
    additional: Vec<Vec<u8>>,
}

fn record(owner: &[u8], head: [u8; 8], data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [owner, &head, &length, data].concat()
}

/// Two services, `a.db.test` and `b.db.test`, with the address of one of them.
fn services() -> Sections {
    let service = |host: u8| record(&NAME, SRV, &[0, 1, 0, 2, 0, 80, 1, host, NAME[0], NAME[1]]);
    let address = record(&[1, b'a', NAME[0], NAME[1]], A, &[10, 0, 0, 1]);
    Sections { answer: vec![service(b'a'), service(b'b')], additional: vec![address] }
}

fn addresses() -> Sections {
    let address = |last| record(&NAME, A, &[10, 0, 0, last]);
    Sections { answer: vec![address(1), address(2)], additional: Vec::new() }
}

fn message(kind: u8, sections: &Sections) -> Vec<u8> {
    let Sections { answer, additional } = sections;
    let count = |records: &[Vec<u8>]| u16::try_from(records.len()).unwrap().to_be_bytes();
    let [answers, additionals] = [count(answer), count(additional)];
    let head = [&ID.to_be_bytes()[..], &[0x81, 0x80, 0, 1], &answers, &[0, 0], &additionals];
    let question = [&b"\x02db\x04test\0"[..], &[0, kind, 0, 1]].concat();
    [head.concat(), question, answer.concat(), additional.concat()].concat()
}

fn read(bytes: &[u8], records: Records) -> Option<Reply> {
    Question::new("db.test", records).unwrap().read(bytes)
}

#[test]
fn damaged_answers_are_refused_or_small() {
    let cases = [
        (message(33, &services()), Records::Services),
        (message(1, &addresses()), Records::Addresses(Family::V4)),
    ];
    let start = Instant::now();
    let (mut refused, mut read_ones) = (0, 0);
    for seed in 1..=MUTATIONS {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let (sound, records) = &cases[random.below(2)];
        let mut bytes = sound.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            match random.below(6) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = random.byte(),
                2 => bytes[at] ^= 1 << random.below(8),
                // A pointer to anywhere, also to itself or behind it.
                3 => {
                    bytes[at] = 0xC0 | (random.byte() & 0x3F);
                    bytes.insert(at + 1, random.byte());
                }
                4 if bytes.len() > 1 => _ = bytes.remove(at),
                _ => bytes.insert(at, random.byte()),
            }
        }
        match read(&bytes, *records) {
            None => refused += 1,
            Some(Reply::Services(services)) => {
                read_ones += 1;
                assert!(services.list.len() <= bytes.len() / 18, "seed {seed}");
            }
            Some(Reply::Addresses(addresses, _)) => {
                read_ones += 1;
                assert!(addresses.len() <= bytes.len() / 15, "seed {seed}");
            }
            Some(_) => {}
        }
    }
    assert!(refused > MUTATIONS / 4 && read_ones > MUTATIONS / 50, "{refused} {read_ones}");
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn a_record_that_cannot_be_read_spoils_the_answer() {
    let sound = message(33, &services());
    assert!(matches!(read(&sound, Records::Services), Some(Reply::Services(_))));
    for length in 12..sound.len() {
        assert_eq!(read(&sound[..length], Records::Services), None, "{length} bytes");
    }
    let mut sections = addresses();
    sections.answer[1] = record(&NAME, A, &[10, 0, 0]);
    assert_eq!(
        read(&message(1, &sections), Records::Addresses(Family::V4)),
        None,
        "a short address"
    );
    let mut sections = services();
    sections.additional[0] = record(&NAME, A, &[10, 0, 0, 1, 5]);
    assert_eq!(read(&message(33, &sections), Records::Services), None, "a long address");
}

#[test]
fn compression_loops_are_refused() {
    let mut sections = services();
    let bytes = message(33, &sections);
    let start = bytes.len() - sections.additional[0].len() - sections.answer[1].len();
    let at = u16::try_from(start + 18).unwrap();
    // The host's name points to itself, or behind itself.
    for to in [at, at + 2] {
        let pointer = (0xC000 | to).to_be_bytes();
        sections.answer[1] = record(&NAME, SRV, &[0, 1, 0, 2, 0, 80, pointer[0], pointer[1]]);
        assert_eq!(read(&message(33, &sections), Records::Services), None, "to {to}");
    }
}
