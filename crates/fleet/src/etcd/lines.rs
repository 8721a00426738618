//! The lines of a body that arrives in pieces.

/// Bytes that have arrived, and are read in lines. The time for all lines grows with their bytes, however many pieces they
/// arrive in.
#[derive(Debug, Default)]
pub(super) struct LineBuffer {
    bytes: Vec<u8>,
    /// Start of the next line.
    start: usize,
    /// End of the bytes in which no further line ends.
    searched: usize,
}

impl LineBuffer {
    /// Bytes that are not read.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(super) fn push(&mut self, piece: &[u8]) {
        // Each byte is moved only after as many have been read.
        if self.start > self.len() {
            self.bytes.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(piece);
    }

    /// The next complete line, with its line break.
    pub(super) fn take_line(&mut self) -> Option<Vec<u8>> {
        let Some(end) = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n') else {
            self.searched = self.bytes.len();
            return None;
        };
        let end = self.searched + end + 1;
        let line = self.bytes[self.start..end].to_vec();
        (self.start, self.searched) = (end, end);
        Some(line)
    }

    /// The bytes after the last line break.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.bytes.split_off(self.start);
        *self = Self::default();
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// A linear buffer needs a fraction of a second.
    const LIMIT: Duration = Duration::from_secs(10);
    const PIECE: [u8; 64] = [b'x'; 64];
    const PIECES: usize = 1 << 17;

    #[test]
    fn pieces_are_joined_to_lines() {
        let mut buffer = LineBuffer::default();
        let mut lines = Vec::new();
        for piece in ["", "a", "b\nc", "\n\nd", "e\nf"] {
            buffer.push(piece.as_bytes());
            lines.extend(std::iter::from_fn(|| buffer.take_line()));
        }
        assert_eq!(lines, [&b"ab\n"[..], b"c\n", b"\n", b"de\n"]);
        assert_eq!((buffer.len(), buffer.take_rest()), (1, b"f".to_vec()));
        assert_eq!((buffer.len(), buffer.take_line()), (0, None));
    }

    #[test]
    fn a_line_in_thousands_of_pieces_is_searched_once() {
        let (mut buffer, begin) = (LineBuffer::default(), Instant::now());
        for _ in 0..PIECES {
            buffer.push(&PIECE);
            assert_eq!(buffer.take_line(), None);
            assert!(begin.elapsed() < LIMIT, "{} of {} bytes", buffer.len(), PIECES * 64);
        }
        buffer.push(b"\n");
        assert_eq!(buffer.take_line().map(|line| line.len()), Some(PIECES * 64 + 1));
    }

    #[test]
    fn thousands_of_lines_in_one_piece_are_not_moved_for_each() {
        let mut line = PIECE;
        line[63] = b'\n';
        let (mut buffer, begin) = (LineBuffer::default(), Instant::now());
        buffer.push(&line.repeat(PIECES));
        for left in (0..PIECES).rev() {
            assert_eq!(buffer.take_line().as_deref(), Some(&line[..]));
            // A part of the next line arrives with each.
            buffer.push(b"y");
            assert!(begin.elapsed() < LIMIT, "{left} of {PIECES} lines are left");
        }
        assert_eq!((buffer.take_line(), buffer.len()), (None, PIECES));
    }
}
