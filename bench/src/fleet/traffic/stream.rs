//! The protocol of a session: the client introduces itself, the target answers with its address, and then each byte of
//! the client is answered by one of the target. Both are those of the session's seed.

use std::net::Ipv4Addr;

use crate::fleet::ledger::Begun;
use crate::random::{fill, mix};

/// Bytes of an introduction: the seed, the instance, and its era.
pub(in crate::fleet) const HELLO: usize = 14;
/// Bytes of the target's address.
pub(in crate::fleet) const ADDRESS: usize = 4;
/// Bytes that are sent or compared at once.
pub(in crate::fleet) const PIECE: usize = 16 * 1024;

/// An introduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fleet) struct Hello {
    pub(in crate::fleet) seed: u64,
    pub(in crate::fleet) begun: Begun,
}

impl Hello {
    pub(in crate::fleet) fn encode(self) -> [u8; HELLO] {
        let Begun { instance, era } = self.begun;
        let mut bytes = [0; HELLO];
        bytes[..8].copy_from_slice(&self.seed.to_le_bytes());
        bytes[8..10].copy_from_slice(&instance.to_le_bytes());
        bytes[10..].copy_from_slice(&era.to_le_bytes());
        bytes
    }

    pub(in crate::fleet) fn decode(bytes: [u8; HELLO]) -> Self {
        let (mut seed, mut instance, mut era) = ([0; 8], [0; 2], [0; 4]);
        seed.copy_from_slice(&bytes[..8]);
        instance.copy_from_slice(&bytes[8..10]);
        era.copy_from_slice(&bytes[10..]);
        let (instance, era) = (u16::from_le_bytes(instance), u32::from_le_bytes(era));
        Self { seed: u64::from_le_bytes(seed), begun: Begun { instance, era } }
    }

    /// The seed of the bytes from the client.
    pub(in crate::fleet) fn up(self) -> u64 {
        mix(self.seed ^ 1)
    }

    /// The seed of the bytes from the target.
    pub(in crate::fleet) fn down(self) -> u64 {
        mix(self.seed ^ 2)
    }
}

/// Compares received bytes with those of a stream at this offset. The error describes the first difference.
pub(in crate::fleet) fn compare(seed: u64, offset: u64, got: &[u8]) -> Result<(), String> {
    let mut expected = [0; PIECE];
    let expected = &mut expected[..got.len()];
    fill(seed, offset, expected);
    let different = got.iter().zip(&*expected).position(|(got, expected)| got != expected);
    different.map_or(Ok(()), |index| {
        let (got, expected) = (got[index], expected[index]);
        let at = offset + crate::stats::wide(index);
        Err(format!("at byte {at}: {got:#04x} instead of {expected:#04x}"))
    })
}

/// The address of the target, as received.
pub(in crate::fleet) fn address(bytes: [u8; ADDRESS]) -> Ipv4Addr {
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_introduction_is_read_as_it_was_written() {
        let hello = Hello { seed: u64::MAX - 7, begun: Begun { instance: 19, era: 4 } };
        assert_eq!(Hello::decode(hello.encode()), hello);
        assert_ne!(hello.up(), hello.down());
    }

    #[test]
    fn a_wrong_byte_is_found_with_its_offset() {
        let mut bytes = [0; 100];
        fill(5, 30, &mut bytes);
        assert_eq!(compare(5, 30, &bytes), Ok(()));
        bytes[50] ^= 1;
        assert!(compare(5, 30, &bytes).unwrap_err().starts_with("at byte 80: 0x"));
        assert!(compare(5, 31, &bytes).is_err());
    }
}
