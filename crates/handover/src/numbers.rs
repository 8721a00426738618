//! Compact encoding for lists of small numbers: each is a varint as in Protocol Buffers (7 bits per
//! byte, lowest first, the high bit set on all bytes but the last). A session has about sixty
//! numbers, most of them 0; encoding each as a separate field would dominate the duration of an
//! upgrade.

/// Encodes `numbers`, in order.
pub fn pack(numbers: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() * 2);
    for number in numbers {
        let mut rest = *number;
        while rest >= 0x80 {
            bytes.push(low_bits(rest) | 0x80);
            rest >>= 7;
        }
        bytes.push(low_bits(rest));
    }
    bytes
}

/// Decodes into `numbers`, replacing its contents. Returns false if the bytes end within a number
/// or a number exceeds 64 bits.
pub fn unpack(bytes: &[u8], numbers: &mut Vec<u64>) -> bool {
    numbers.clear();
    let (mut number, mut shift) = (0u64, 0);
    for byte in bytes {
        let bits = u64::from(byte & 0x7f);
        if shift > 63 || shift == 63 && bits > 1 {
            return false;
        }
        number |= bits << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            numbers.push(number);
            (number, shift) = (0, 0);
        }
    }
    shift == 0
}

fn low_bits(number: u64) -> u8 {
    number.to_le_bytes()[0] & 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn malformed_numbers_are_rejected() {
        let mut numbers = Vec::new();
        assert!(!unpack(&[1, 0x80], &mut numbers), "truncated");
        assert!(!unpack(&[0xff; 11], &mut numbers), "more than 64 bits");
        let too_large = [&[0xff; 9][..], &[2]].concat();
        assert!(!unpack(&too_large, &mut numbers), "one bit more than 64");
    }

    proptest! {
        #[test]
        fn numbers_round_trip(numbers in prop::collection::vec(any::<u64>(), 0..100)) {
            let mut unpacked = vec![7];
            prop_assert!(unpack(&pack(&numbers), &mut unpacked));
            prop_assert_eq!(unpacked, numbers);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            let _ = unpack(&bytes, &mut Vec::new());
        }
    }
}
