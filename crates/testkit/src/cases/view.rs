//! Observations of one end of a connection, and the expected ones.

use std::fmt;

use super::MIB;
use crate::stream::Difference;
use crate::transcript::Transcript;
use crate::wire::End;

/// How a connection ended for one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a FIN, after which it could still write.
    Fin,
    /// With an RST, before or after a FIN. A write that failed has seen one, too.
    Reset,
    /// Not within the time given.
    Open,
    /// With some other error.
    Other(End),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fin => f.write_str("FIN"),
            Self::Reset => f.write_str("RST"),
            Self::Open => f.write_str("no end"),
            Self::Other(end) => end.fmt(f),
        }
    }
}

/// What one side saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// How many bytes came.
    pub received: u64,
    /// The bytes, if they were few and words.
    pub words: Option<String>,
    /// The first byte that was not the one that had been sent.
    pub wrong: Option<Difference>,
    /// Ending of the connection.
    pub ending: Ending,
}

impl View {
    pub(super) fn of(transcript: &Transcript) -> Self {
        const FEW: usize = 16;
        let words = String::from_utf8(transcript.bytes.clone()).ok();
        let is_plain = |text: &String| {
            !text.is_empty()
                && text.len() <= FEW
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let broken = [Some(End::Reset), Some(End::BrokenPipe)];
        let ending = match (transcript.read_end, transcript.write_end) {
            (Some(End::Reset), _) => Ending::Reset,
            (_, written) if broken.contains(&written) => Ending::Reset,
            (Some(End::Eof), _) => Ending::Fin,
            (None | Some(End::Timeout), _) => Ending::Open,
            (Some(other), _) => Ending::Other(other),
        };
        let received = transcript.received;
        Self { received, words: words.filter(is_plain), wrong: transcript.wrong, ending }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.wrong, &self.words) {
            (Some(wrong), _) => write!(f, "wrong bytes ({wrong})")?,
            (None, Some(words)) => write!(f, "`{words}`")?,
            (None, None) => Amount(self.received).fmt(f)?,
        }
        write!(f, ", {}", self.ending)
    }
}

/// What one side is owed.
#[derive(Clone, Copy, Debug)]
pub struct Owed {
    bytes: Bytes,
    endings: &'static [Ending],
}

#[derive(Clone, Copy, Debug)]
enum Bytes {
    Count(u64),
    Words(&'static str),
    Any,
}

impl Owed {
    /// So many bytes and a FIN.
    pub(super) const fn fin(bytes: u64) -> Self {
        Self { bytes: Bytes::Count(bytes), endings: &[Ending::Fin] }
    }

    /// So many bytes and an RST.
    pub(super) const fn reset(bytes: u64) -> Self {
        Self { bytes: Bytes::Count(bytes), endings: &[Ending::Reset] }
    }

    /// These bytes and a FIN.
    pub(super) const fn words(words: &'static str) -> Self {
        Self { bytes: Bytes::Words(words), endings: &[Ending::Fin] }
    }

    /// An RST, after however many bytes.
    pub(super) const fn cut() -> Self {
        Self { bytes: Bytes::Any, endings: &[Ending::Reset] }
    }

    /// The client was gone before anything had to be forwarded: this end, or none.
    pub(super) const fn if_at_all(endings: &'static [Ending]) -> Self {
        Self { bytes: Bytes::Count(0), endings }
    }

    /// Whether the observations match.
    pub fn is_kept_by(&self, view: &View) -> bool {
        let bytes = match self.bytes {
            Bytes::Count(count) => view.received == count,
            Bytes::Words(words) => view.words.as_deref() == Some(words),
            Bytes::Any => true,
        };
        bytes && view.wrong.is_none() && self.endings.contains(&view.ending)
    }

    /// The observations in the terms of the expectation, because the number of bytes received
    /// before a cut varies.
    pub fn compare(&self, view: &View) -> String {
        let ending = view.ending;
        match self.bytes {
            _ if view.wrong.is_some() => view.to_string(),
            Bytes::Any => ending.to_string(),
            Bytes::Count(owed) if (1..owed).contains(&view.received) => format!("a part, {ending}"),
            Bytes::Count(_) | Bytes::Words(_) => view.to_string(),
        }
    }
}

impl fmt::Display for Owed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes {
            Bytes::Count(count) => write!(f, "{}, ", Amount(count))?,
            Bytes::Words(words) => write!(f, "`{words}`, ")?,
            Bytes::Any => {}
        }
        let endings: Vec<_> = self.endings.iter().map(ToString::to_string).collect();
        f.write_str(&endings.join(" or "))
    }
}

/// A number of bytes: in MiB where that is exact.
struct Amount(u64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("nothing"),
            n if n % MIB == 0 => write!(f, "{} MiB", n / MIB),
            n if n > MIB => write!(f, "{}.{} MiB", n / MIB, n % MIB * 10 / MIB),
            n => write!(f, "{n} B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(received: u64, read_end: End, write_end: Option<End>) -> View {
        let read_end = Some(read_end);
        View::of(&Transcript { received, read_end, write_end, ..Transcript::default() })
    }

    #[test]
    fn views_read_like_what_is_owed() {
        assert_eq!(view(MIB, End::Eof, None).to_string(), Owed::fin(MIB).to_string());
        assert_eq!(view(10, End::Reset, None).to_string(), Owed::reset(10).to_string());
        assert_eq!(view(3 * MIB / 2, End::Timeout, None).to_string(), "1.5 MiB, no end");
        assert_eq!(
            Owed::if_at_all(&[Ending::Fin, Ending::Open]).to_string(),
            "nothing, FIN or no end"
        );
    }

    #[test]
    fn an_end_that_only_a_write_has_seen_counts() {
        let seen = view(10, End::Eof, Some(End::BrokenPipe));
        assert!(Owed::reset(10).is_kept_by(&seen) && !Owed::fin(10).is_kept_by(&seen));
        assert!(!Owed::reset(11).is_kept_by(&seen) && Owed::cut().is_kept_by(&seen));
    }

    #[test]
    fn parts_compare_alike() {
        for (received, words) in [(0, "nothing, FIN"), (1, "a part, FIN"), (10, "10 B, FIN")] {
            let seen = view(received, End::Eof, None);
            assert_eq!(Owed::reset(10).compare(&seen), words);
            assert_eq!(Owed::cut().compare(&seen), "FIN");
        }
    }
}
