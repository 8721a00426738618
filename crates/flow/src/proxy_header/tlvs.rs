//! Values of a v2 header that are passed on (section 2.2).

use super::crc32c::crc32c;

/// Type and length of a TLV.
const BEGIN: usize = 3;
pub(super) const CRC32C: u8 = 0x03;
/// Padding.
const NOOP: u8 = 0x04;
const CHECKSUM: usize = 4;

/// A type, a value, and the range of both in their bytes.
pub(super) struct Tlv<'a> {
    pub(super) kind: u8,
    /// Where the value begins.
    pub(super) at: usize,
    pub(super) value: &'a [u8],
}

/// The TLVs from `at` on. `Err` in place of one that ends beyond the bytes.
pub(super) fn each(bytes: &[u8], mut at: usize) -> impl Iterator<Item = Result<Tlv<'_>, ()>> {
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let Some((begin, values)) = rest.split_first_chunk::<BEGIN>() else {
            at = bytes.len();
            return Some(Err(()));
        };
        let length = usize::from(u16::from_be_bytes([begin[1], begin[2]]));
        let value = values.get(..length);
        let tlv = value.map(|value| Tlv { kind: begin[0], at: at + BEGIN, value }).ok_or(());
        at = if tlv.is_ok() { at + BEGIN + length } else { bytes.len() };
        Some(tlv)
    })
}

/// The TLVs of a header that was received, as they are passed on: without padding, and with a checksum behind all
/// others if they had one. Never longer than they were.
pub(super) fn to_pass_on(received: &[u8]) -> Vec<u8> {
    let mut passed = Vec::with_capacity(received.len());
    let mut has_checksum = false;
    for Tlv { kind, at, value } in each(received, 0).flatten() {
        match kind {
            NOOP => {}
            CRC32C => has_checksum = true,
            _ => passed.extend_from_slice(&received[at - BEGIN..at + value.len()]),
        }
    }
    if has_checksum {
        passed.extend([CRC32C, 0, 4]);
        passed.extend([0; CHECKSUM]);
    }
    passed
}

/// Fills in the checksum of a header whose TLVs begin at `tlvs`, if it has one. Its place has zeroes.
pub(super) fn fill_checksum(header: &mut [u8], tlvs: usize) {
    let is_checksum = |tlv: &Tlv<'_>| tlv.kind == CRC32C && tlv.value.len() == CHECKSUM;
    let Some(at) = each(header, tlvs).flatten().find(is_checksum).map(|tlv| tlv.at) else { return };
    header[at..at + CHECKSUM].fill(0);
    let sum = crc32c(&[header]).to_be_bytes();
    header[at..at + CHECKSUM].copy_from_slice(&sum);
}
