//! A checked transfer in both directions at once, against [`Behaviour::Verify`].
//!
//! [`Behaviour::Verify`]: crate::Behaviour::Verify

use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::AtomicBool;
use std::thread;

use socket2::SockRef;

use crate::stream::{Checker, Source, Stream};
use crate::wait::LIMIT;
use crate::wire::{self, End};

/// First bytes of an exchange from the client: the lengths of both streams, and the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) up_len: u64,
    pub(crate) down_len: u64,
    pub(crate) seed: u64,
}

impl Header {
    pub(crate) const LEN: usize = 24;

    pub(crate) fn parse(bytes: [u8; Self::LEN]) -> Self {
        let field = |at: usize| {
            let field = bytes[at..at + 8].try_into().expect("8 bytes");
            u64::from_be_bytes(field)
        };
        Self { up_len: field(0), down_len: field(8), seed: field(16) }
    }

    pub(crate) fn up(self) -> Stream {
        Stream::new(self.seed)
    }

    pub(crate) fn down(self) -> Stream {
        Stream::new(!self.seed)
    }

    fn to_bytes(self) -> Vec<u8> {
        [self.up_len, self.down_len, self.seed].map(u64::to_be_bytes).concat()
    }
}

/// Sends `up_len` bytes and a FIN, and meanwhile reads `down_len` bytes and a FIN. Both directions
/// are checked byte by byte: the target is a [`Behaviour::Verify`](crate::Behaviour::Verify), which
/// answers with a FIN only if all it got was right, and with an RST otherwise.
///
/// # Errors
///
/// Says which direction went wrong, where and how.
pub fn exchange(client: impl AsFd, up_len: u64, down_len: u64, seed: u64) -> Result<(), String> {
    let header = Header { up_len, down_len, seed };
    let client = client.as_fd();
    let (up, down) = thread::scope(|scope| {
        let up = scope.spawn(|| send_up(client, header));
        let down = read_down(client, header);
        (up.join().expect("sending does not panic"), down)
    });
    down?;
    up
}

fn send_up(client: BorrowedFd<'_>, header: Header) -> Result<(), String> {
    let describe = |sent: u64| move |end: End| format!("up, after {sent} bytes: {end}");
    write_all(client, &header.to_bytes()).map_err(describe(0))?;
    let mut source = Source::new(header.up());
    let mut buffer = vec![0; 64 * 1024];
    while source.offset() < header.up_len {
        let left = header.up_len - source.offset();
        let len = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        source.peek(&mut buffer[..len]);
        write_all(client, &buffer[..len]).map_err(describe(source.offset()))?;
        source.advance(len);
    }
    SockRef::from(&client).shutdown(Shutdown::Write).map_err(|error| format!("up, FIN: {error}"))
}

fn write_all(client: BorrowedFd<'_>, bytes: &[u8]) -> Result<(), End> {
    let mut left = bytes;
    while !left.is_empty() {
        left = &left[wire::write(client, left, LIMIT, &AtomicBool::new(false))?..];
    }
    Ok(())
}

fn read_down(client: BorrowedFd<'_>, header: Header) -> Result<(), String> {
    let mut checker = Checker::new(header.down());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match wire::read(client, &mut buffer, LIMIT, &AtomicBool::new(false)) {
            Ok(n) => checker.check(&buffer[..n]).map_err(|wrong| format!("down: {wrong}"))?,
            Err(End::Eof) if checker.offset() == header.down_len => return Ok(()),
            Err(end) => {
                let (got, all) = (checker.offset(), header.down_len);
                return Err(format!("down, after {got} of {all} bytes: {end}"));
            }
        }
    }
}
