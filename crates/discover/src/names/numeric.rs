//! IPv4 addresses in the forms of inet_aton(3), which the C library takes for addresses and asks nobody for:
//! `127.1`, `0x7f000001`, `2130706433`, `0177.0.0.1`.

use std::net::Ipv4Addr;

/// The address that the name spells; `None` for any other name.
pub(super) fn address(name: &str) -> Option<Ipv4Addr> {
    let parts = name.split('.').map(number).collect::<Option<Vec<u32>>>()?;
    let (last, leading) = parts.split_last()?;
    if leading.len() > 3 {
        return None;
    }
    let bytes = leading.iter().map(|part| u8::try_from(*part).ok());
    let bytes = bytes.collect::<Option<Vec<u8>>>()?;
    // The last part fills the bytes that are left.
    let is_too_large = u64::from(*last) >> (8 * (4 - bytes.len())) != 0;
    let mut address = last.to_be_bytes();
    address[..bytes.len()].copy_from_slice(&bytes);
    (!is_too_large).then(|| address.into())
}

/// A number in the notation of C.
fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // from_str_radix() takes a sign, too.
    let is_number = digits.chars().all(|digit| digit.is_digit(radix));
    u32::from_str_radix(digits, radix).ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_by_the_c_library() {
        for (name, expected) in [
            ("127.1", "127.0.0.1"),
            ("0x7f000001", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("0177.0.0.01", "127.0.0.1"),
            ("10.1.258", "10.1.1.2"),
            ("0", "0.0.0.0"),
            ("4294967295", "255.255.255.255"),
        ] {
            assert_eq!(address(name), Some(expected.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn other_names_are_no_addresses() {
        for name in [
            "",
            ".",
            "1.",
            ".1",
            "db",
            "1.2.3.4.5",
            "256.1",
            "1.2.65536",
            "0x",
            "08",
            "4294967296",
            "+1",
            "-1",
            "1.0xg",
            "10.in-addr.arpa",
        ] {
            assert_eq!(address(name), None, "{name}");
        }
    }
}
