//! Many small numbers in few bytes: each as a varint (7 bits per byte, the lowest first, the highest
//! bit set on all but the last byte), as Protocol Buffers write them. A session has some sixty of
//! them, most of which are 0: written and read one by one as a field, they would be most of what an
//! upgrade takes.

/// Writes them one after the other.
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

/// Reads them into `numbers`, which is cleared before. False if the bytes end within a number, or
/// one is too large.
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
    fn what_is_no_number_is_refused() {
        let mut numbers = Vec::new();
        assert!(!unpack(&[1, 0x80], &mut numbers), "it ends within a number");
        assert!(!unpack(&[0xff; 11], &mut numbers), "more than 64 bits");
        let too_large = [&[0xff; 9][..], &[2]].concat();
        assert!(!unpack(&too_large, &mut numbers), "one bit more than 64");
    }

    proptest! {
        #[test]
        fn numbers_come_back(given in prop::collection::vec(any::<u64>(), 0..100)) {
            let mut numbers = vec![7];
            prop_assert!(unpack(&pack(&given), &mut numbers));
            prop_assert_eq!(numbers, given);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            let _ = unpack(&bytes, &mut Vec::new());
        }
    }
}
