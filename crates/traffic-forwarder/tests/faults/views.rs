//! One peer of a session: writes and reads concurrently, and checks the received bytes.

use std::time::Duration;

use testkit::{End, Gate, Peer, Script, Socket, Transcript};

/// Bound for one step of a peer: longer than the idle timeout of a trial.
const BOUND: Duration = Duration::from_secs(15);

/// The part of one peer in a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Seed and length of the written bytes; `None` also sends no FIN.
    pub(crate) writes: Option<(u64, u64)>,
    /// Whether it writes only after reading to the end.
    pub(crate) answers: bool,
    /// Seed, length and end of the expected bytes.
    pub(crate) reads: (u64, u64, End),
}

impl Part {
    /// Plays the part. Returns whether all bytes and the end were right.
    ///
    /// # Errors
    ///
    /// A description of a violated guarantee.
    pub(crate) fn play(self, name: &str, socket: Socket) -> Result<bool, String> {
        let read = Gate::new();
        let mut writing = Script::new().limit(BOUND);
        if self.answers {
            writing = writing.stall(&read);
        }
        if let Some((seed, length)) = self.writes {
            writing = writing.sending(seed).try_write(length).shutdown_write();
        }
        let reading = Script::new().expecting(self.reads.0).limit(BOUND).drain().signal(&read);
        let writer = Peer::play(name, socket.try_clone().unwrap(), writing);
        let reader = Peer::play(name, socket, reading).outcome();
        self.judge(&reader, &writer.outcome())
    }

    fn judge(self, reader: &Transcript, writer: &Transcript) -> Result<bool, String> {
        let (_, all, wanted_end) = self.reads;
        let (name, received) = (&reader.peer, reader.received);
        if writer.write_end == Some(End::Timeout) {
            return Err(format!("{name}: hangs after {} bytes written", writer.sent));
        }
        match reader.read_end {
            // The kernel reports an error once: the write got it, the read saw an end.
            Some(End::Eof) if writer.write_end.is_some() => Ok(false),
            Some(End::Eof) if (received, wanted_end) == (all, End::Eof) => Ok(true),
            Some(End::Eof) => Err(format!("{name}: a clean FIN after {received} of {all} bytes")),
            Some(End::Timeout) => Err(format!("{name}: hangs after {received} of {all} bytes")),
            Some(end) => Ok((received, wanted_end) == (all, end)),
            None => Err(format!("{name}: {:?}", reader.failure)),
        }
    }
}
