//! The records in which a hello arrives (RFC 8446 section 5.1): a message may be divided anywhere, also within
//! its header.

use std::borrow::Cow;

/// Longest hello that is read, in bytes with the headers of its records. Hellos with post-quantum keys have some
/// 2 KiB.
pub const MOST_CLIENT_HELLO: usize = 64 * 1024;

/// Major version of every TLS.
const MAJOR: u8 = 3;

/// Type of a record with parts of the handshake.
const HANDSHAKE: u8 = 22;

/// Type of the message.
const CLIENT_HELLO: u8 = 1;

const RECORD_HEADER: usize = 5;
const MESSAGE_HEADER: usize = 4;

/// Longest content of a record.
const MOST_IN_RECORD: usize = 1 << 14;

/// The first handshake message of a client.
pub(super) enum Message<'a> {
    /// It has at least `needs` bytes with the headers of its records.
    Incomplete {
        needs: usize,
    },
    NotTls,
    /// Its body. Copied if it came in several records.
    Complete(Cow<'a, [u8]>),
}

/// Finds the message that `bytes` begin with.
pub(super) fn message(bytes: &[u8]) -> Message<'_> {
    let mut rest = bytes;
    let mut message: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    loop {
        let Some(record) = Record::read(rest) else { return Message::NotTls };
        if message.is_empty() {
            message = Cow::Borrowed(record.content);
        } else {
            message.to_mut().extend_from_slice(record.content);
        }
        let Some(left) = left_of(&message) else { return Message::NotTls };
        if left == 0 {
            return Message::Complete(body(message));
        }
        match record.after {
            Some(after) => rest = after,
            None => return incomplete(bytes.len(), &record, left),
        }
    }
}

/// `left` bytes of the message are missing, and so is the end of the last record.
fn incomplete(count: usize, record: &Record<'_>, left: usize) -> Message<'static> {
    let next_header = if left > record.missing { RECORD_HEADER } else { 0 };
    let needs = count + record.missing_header + left + next_header;
    if needs > MOST_CLIENT_HELLO { Message::NotTls } else { Message::Incomplete { needs } }
}

/// Bytes that the message lacks, at least. `None` if it is no hello, or too long.
fn left_of(message: &[u8]) -> Option<usize> {
    if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
        return None;
    }
    let Some([_, high, middle, low]) = message.first_chunk::<MESSAGE_HEADER>() else {
        return Some(MESSAGE_HEADER - message.len());
    };
    let length = u32::from_be_bytes([0, *high, *middle, *low]);
    let whole = MESSAGE_HEADER.saturating_add(usize::try_from(length).ok()?);
    (whole < MOST_CLIENT_HELLO).then_some(whole.saturating_sub(message.len()))
}

/// The body of a complete message, which other bytes may follow.
fn body(message: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let length = |message: &[u8]| {
        let header = message.first_chunk::<MESSAGE_HEADER>().copied().unwrap_or_default();
        u32::from_be_bytes(header) as usize & 0x00ff_ffff
    };
    let end = MESSAGE_HEADER + length(&message);
    match message {
        Cow::Borrowed(message) => Cow::Borrowed(&message[MESSAGE_HEADER..end]),
        Cow::Owned(mut message) => {
            message.truncate(end);
            message.drain(..MESSAGE_HEADER);
            Cow::Owned(message)
        }
    }
}

/// A record, as far as it has arrived.
struct Record<'a> {
    content: &'a [u8],
    /// Bytes of its header that are missing.
    missing_header: usize,
    /// Bytes of its content that are missing, with a whole header.
    missing: usize,
    /// The bytes behind it, if it is complete.
    after: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// `None` if `bytes` do not begin a record of a handshake.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let is = |position: usize, value: u8| bytes.get(position).is_none_or(|it| *it == value);
        if !is(0, HANDSHAKE) || !is(1, MAJOR) {
            return None;
        }
        let Some((header, content)) = bytes.split_first_chunk::<RECORD_HEADER>() else {
            let missing_header = RECORD_HEADER - bytes.len();
            return Some(Self { content: &[], missing_header, missing: usize::MAX, after: None });
        };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if !(1..=MOST_IN_RECORD).contains(&length) {
            return None;
        }
        let (missing_header, missing) = (0, length.saturating_sub(content.len()));
        let (content, after) = match content.split_at_checked(length) {
            Some((content, after)) => (content, Some(after)),
            None => (content, None),
        };
        Some(Self { content, missing_header, missing, after })
    }
}
