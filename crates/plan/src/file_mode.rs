//! Permission bits of a file, as written for chmod(1).

use std::fmt;
use std::str::FromStr;

/// Permission bits, at most `0777`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileMode(u32);

impl FileMode {
    /// The bits as chmod(2) takes them.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl FromStr for FileMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let bits = u32::from_str_radix(text, 8).ok().filter(|_| is_octal && text.len() >= 3);
        match bits {
            Some(bits) if bits <= 0o777 => Ok(Self(bits)),
            Some(_) => Err("has more than the permissions of user, group and others"),
            None => Err("is not a mode such as \"0660\""),
        }
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_and_have_no_special_bits() {
        for (text, shown) in [("0660", "0660"), ("666", "0666"), ("000", "0000"), ("00777", "0777")]
        {
            assert_eq!(text.parse::<FileMode>().map(|it| it.to_string()), Ok(shown.to_owned()));
        }
        for text in ["", "6", "66", "0o660", "1777", "4755", "668", "+660", "u=rw", "77777777777"] {
            assert!(text.parse::<FileMode>().is_err(), "{text}");
        }
    }
}
