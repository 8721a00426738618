//! A reset in bulk: both lanes are full of bytes when one end resets. Which call of a forwarder meets
//! the error first is a race, so one round says little: a few hundred say enough.

use std::os::fd::AsFd;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::Socket;

use super::{Case, Ending, Owed, Parts, Seen, View};
use crate::addr::{Addr, Listener, Place, connect};
use crate::stream::{Checker, Stream};
use crate::wire::{self, End};

/// Bytes that the resetting end sends before the reset.
const SENT: u64 = 130_000;

/// Bytes that the resetting end reads before the reset; another number in each round.
const READ: std::ops::Range<u64> = 100_000..1_500_000;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "the_target_resets_in_bulk",
        what: "The target sends 130,000 bytes and resets in the middle of a bulk upload.",
        client: Some(Owed::reset(SENT)),
        target: None,
        parts: || Parts::BulkReset(Resets::Target),
    },
    Case {
        name: "the_client_resets_in_bulk",
        what: "The client sends 130,000 bytes and resets in the middle of a bulk download.",
        client: None,
        target: Some(Owed::reset(SENT)),
        parts: || Parts::BulkReset(Resets::Client),
    },
];

/// The end that resets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resets {
    Client,
    Target,
}

/// A listening target, for any number of rounds.
#[derive(Debug)]
pub(super) struct Race {
    listener: Listener,
    resets: Resets,
    limit: Duration,
}

impl Race {
    pub(super) fn set_up(resets: Resets, limit: Duration) -> Self {
        Self { listener: Listener::bind(Place::V4), resets, limit }
    }

    pub(super) fn target(&self) -> &Addr {
        self.listener.addr()
    }

    /// Connects once to the forwarder at `addr`, and returns what the end saw that did not reset.
    pub(super) fn play(&self, addr: &Addr, round: u64) -> Seen {
        let limit = self.limit;
        let view = connect(addr).map_err(End::from).and_then(|client| {
            let target = self.listener.accept_within(limit, &NEVER)?;
            let (resetting, other) = match self.resets {
                Resets::Client => (client, target),
                Resets::Target => (target, client),
            };
            let resetting = thread::spawn(move || send_read_and_reset(&resetting, round, limit));
            let view = exchange_until_the_end(&other, limit);
            resetting.join().expect("the end that resets does not panic")?;
            Ok(view)
        });
        let nothing =
            |end| View { received: 0, words: None, wrong: None, ending: Ending::Other(end) };
        let view = Some(view.unwrap_or_else(nothing));
        match self.resets {
            Resets::Client => Seen { client: None, target: view },
            Resets::Target => Seen { client: view, target: None },
        }
    }
}

/// A stop flag that is never set.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Sends [`SENT`] bytes, reads a part of the bulk, and resets as soon as the other side's kernel has
/// acknowledged all of them: from then on the forwarder must deliver these bytes.
fn send_read_and_reset(socket: &Socket, round: u64, limit: Duration) -> Result<(), End> {
    let bytes = Stream::new(2).bytes(usize::try_from(SENT).expect("it is small"));
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        rest = &rest[wire::write(socket, rest, limit, &NEVER)?..];
    }
    let mut random = [0; 8];
    Stream::new(round).fill(0, &mut random);
    let wanted = READ.start + u64::from_le_bytes(random) % (READ.end - READ.start);
    let begun = Instant::now();
    let mut buf = vec![0; 256 * 1024];
    let mut read = 0;
    while read < wanted || sys::socket::unacked(socket.as_fd()) > 0 {
        if begun.elapsed() > limit {
            return Err(End::Timeout);
        }
        read += wire::read(socket, &mut buf, limit, &NEVER)? as u64;
    }
    // The caller's handle is closed with this thread; with unread bytes that is an RST as well.
    socket.set_linger(Some(Duration::ZERO)).map_err(End::from)
}

/// Sends and reads bulk at the same time, until either finds the end.
fn exchange_until_the_end(socket: &Socket, limit: Duration) -> View {
    let bulk = Stream::new(1).bytes(256 * 1024);
    let mut buf = vec![0; 256 * 1024];
    let mut checker = Checker::new(Stream::new(2));
    let mut wrong = None;
    let mut written = None;
    let ending = loop {
        match recv(socket, &mut buf[..], RecvFlags::DONTWAIT) {
            // A reset reported to a write is not reported to a read again.
            Ok((0, _)) => break written.unwrap_or(Ending::Fin),
            Ok((count, _)) => {
                wrong = wrong.or(checker.check(&buf[..count]).err());
                continue;
            }
            Err(Errno::CONNRESET) => break Ending::Reset,
            Err(Errno::AGAIN) => {}
            Err(errno) => break Ending::Other(errno.into()),
        }
        match send(socket, &bulk, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            // EPIPE: a FIN came before the RST, and the read behind this finds it.
            Ok(_) | Err(Errno::PIPE) => continue,
            Err(Errno::CONNRESET) => {
                written = Some(Ending::Reset);
                continue;
            }
            Err(Errno::AGAIN) => {}
            Err(errno) => break Ending::Other(errno.into()),
        }
        if let Err(end) = wire::wait_ready(socket, PollFlags::IN | PollFlags::OUT, limit, &NEVER) {
            break if end == End::Timeout { Ending::Open } else { Ending::Other(end) };
        }
    };
    View { received: checker.offset(), words: None, wrong, ending }
}
