//! Header of a connection: its purpose, its run and its seed.

/// Length of an introduction.
pub(super) const LENGTH: usize = 24;

const SESSION: &[u8; 8] = b"tfverify";
const REPORT: &[u8; 8] = b"tfreport";

/// What a client says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hello {
    /// A session of a run, with its seed.
    Session { run: u64, seed: u64 },
    /// A question for what the server has seen of a run.
    Report { run: u64 },
}

impl Hello {
    /// Encodes the header.
    pub(super) fn encode(self) -> [u8; LENGTH] {
        let (magic, run, seed) = match self {
            Self::Session { run, seed } => (SESSION, run, seed),
            Self::Report { run } => (REPORT, run, 0),
        };
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(magic);
        bytes[8..16].copy_from_slice(&run.to_le_bytes());
        bytes[16..].copy_from_slice(&seed.to_le_bytes());
        bytes
    }

    /// From bytes; `None` if they are none of ours.
    pub(super) fn decode(bytes: &[u8; LENGTH]) -> Option<Self> {
        let (magic, numbers) = bytes.split_first_chunk::<8>()?;
        let (run, seed) = numbers.split_first_chunk::<8>()?;
        let (run, seed) = (u64::from_le_bytes(*run), u64::from_le_bytes(seed.try_into().ok()?));
        match magic {
            SESSION => Some(Self::Session { run, seed }),
            REPORT => Some(Self::Report { run }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_was_written() {
        for hello in [Hello::Session { run: 1, seed: u64::MAX }, Hello::Report { run: 9 }] {
            assert_eq!(Hello::decode(&hello.encode()), Some(hello));
        }
        assert_eq!(Hello::decode(&[7; LENGTH]), None);
    }
}
