//! One end of a session: it writes and reads at the same time, and checks what it reads.

use std::time::Duration;

use testkit::{End, Gate, Peer, Script, Socket, Transcript};

/// No step of an end may stand still for longer: longer than the idle timeout of a trial.
const BOUND: Duration = Duration::from_secs(15);

/// What an end shall do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// The seed of what it writes, and how much that is; `None` also sends no FIN.
    pub(crate) writes: Option<(u64, u64)>,
    /// It writes only when it has read to the end.
    pub(crate) answers: bool,
    /// The seed of what it shall read, how much that is, and how it shall end.
    pub(crate) reads: (u64, u64, End),
}

impl Part {
    /// Plays it: whether all was right, or else what must never be.
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
            // The kernel reports an error once. The write took it, and the read saw an end.
            Some(End::Eof) if writer.write_end.is_some() => Ok(false),
            Some(End::Eof) if (received, wanted_end) == (all, End::Eof) => Ok(true),
            Some(End::Eof) => Err(format!("{name}: a clean FIN after {received} of {all} bytes")),
            Some(End::Timeout) => Err(format!("{name}: hangs after {received} of {all} bytes")),
            Some(end) => Ok((received, wanted_end) == (all, end)),
            None => Err(format!("{name}: {:?}", reader.failure)),
        }
    }
}
