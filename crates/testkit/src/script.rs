//! What a scripted peer does, step by step.

use std::time::Duration;

use crate::addr::Buffers;
use crate::gate::Gate;
use crate::stream::Stream;
use crate::wait::LIMIT;
use crate::wire::End;

/// One thing that a peer does. The methods of [`Script`] say what each one means.
#[derive(Clone, Debug)]
pub(crate) enum ScriptStep {
    Write(u64),
    TryWrite(u64),
    WriteWithFin(u64),
    Fill,
    WriteBytes(Vec<u8>),
    UrgentByte(u8),
    ReadExactly(u64),
    ReadSlowly { chunk: usize, times: usize, pause: Duration },
    ReadTo(End),
    Drain,
    Expect(End),
    ExpectSilence(Duration),
    ShutdownWrite,
    Reset,
    Close,
    Stall(Gate),
    Signal(Gate),
    Pause(Duration),
}

/// The part of one peer: its steps in order. The socket is closed after the last one.
///
/// Each step must get on within the limit ([`LIMIT`] unless [`Self::limit`] says otherwise); the
/// first one that fails ends the script and names itself.
#[derive(Clone, Debug)]
pub struct Script {
    pub(crate) steps: Vec<ScriptStep>,
    pub(crate) sends: Stream,
    pub(crate) expects: Option<Stream>,
    pub(crate) limit: Duration,
    pub(crate) buffers: Buffers,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            sends: Stream::default(),
            expects: None,
            limit: LIMIT,
            buffers: Buffers::default(),
        }
    }
}

/// What holds for the whole script.
impl Script {
    /// A script without steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// [`Self::write`] sends the stream of `seed` (else that of seed 0).
    #[must_use]
    pub fn sending(self, seed: u64) -> Self {
        Self { sends: Stream::new(seed), ..self }
    }

    /// All that is read must be the stream of `seed` (else nothing is checked).
    #[must_use]
    pub fn expecting(self, seed: u64) -> Self {
        Self { expects: Some(Stream::new(seed)), ..self }
    }

    /// How long a step may stand still.
    #[must_use]
    pub fn limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// `SO_RCVBUF`, from the handshake on.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.buffers.receive = Some(bytes);
        self
    }

    /// `SO_SNDBUF`, from the handshake on.
    #[must_use]
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.buffers.send = Some(bytes);
        self
    }
}

/// Steps that send.
impl Script {
    /// Writes the next `n` bytes of the stream.
    #[must_use]
    pub fn write(self, n: u64) -> Self {
        self.then(ScriptStep::Write(n))
    }

    /// Writes up to `n` bytes of the stream; goes on with the next step if an error stops it.
    #[must_use]
    pub fn try_write(self, n: u64) -> Self {
        self.then(ScriptStep::TryWrite(n))
    }

    /// Writes the next `n` bytes of the stream and ends; the FIN travels with the last of them.
    #[must_use]
    pub fn write_with_fin(self, n: u64) -> Self {
        self.then(ScriptStep::WriteWithFin(n))
    }

    /// Writes the stream until every buffer on the way is full.
    #[must_use]
    pub fn fill(self) -> Self {
        self.then(ScriptStep::Fill)
    }

    /// Writes the given bytes.
    #[must_use]
    pub fn write_bytes(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.then(ScriptStep::WriteBytes(bytes.into()))
    }

    /// Sends one byte as urgent data (`MSG_OOB`).
    #[must_use]
    pub fn urgent_byte(self, byte: u8) -> Self {
        self.then(ScriptStep::UrgentByte(byte))
    }

    /// Sends a FIN and continues reading.
    #[must_use]
    pub fn shutdown_write(self) -> Self {
        self.then(ScriptStep::ShutdownWrite)
    }

    /// Closes with an RST.
    #[must_use]
    pub fn reset(self) -> Self {
        self.then(ScriptStep::Reset)
    }

    /// Closes. The kernel makes it an RST if bytes were left unread.
    #[must_use]
    pub fn close(self) -> Self {
        self.then(ScriptStep::Close)
    }
}

/// Steps that read.
impl Script {
    /// Reads exactly `n` bytes.
    #[must_use]
    pub fn read_exactly(self, n: u64) -> Self {
        self.then(ScriptStep::ReadExactly(n))
    }

    /// Reads `times` times up to `chunk` bytes, with a pause after each.
    #[must_use]
    pub fn read_slowly(self, chunk: usize, times: usize, pause: Duration) -> Self {
        self.then(ScriptStep::ReadSlowly { chunk, times, pause })
    }

    /// Reads all that comes; it must end with a FIN.
    #[must_use]
    pub fn read_to_end(self) -> Self {
        self.then(ScriptStep::ReadTo(End::Eof))
    }

    /// Reads all that comes; it must end with an RST.
    #[must_use]
    pub fn read_to_reset(self) -> Self {
        self.then(ScriptStep::ReadTo(End::Reset))
    }

    /// Reads until the end of the stream or an error; the transcript says which. A timeout fails
    /// the script.
    #[must_use]
    pub fn drain(self) -> Self {
        self.then(ScriptStep::Drain)
    }

    /// A FIN must come, and no byte before it.
    #[must_use]
    pub fn expect_eof(self) -> Self {
        self.then(ScriptStep::Expect(End::Eof))
    }

    /// An RST must come, and no byte before it.
    #[must_use]
    pub fn expect_reset(self) -> Self {
        self.then(ScriptStep::Expect(End::Reset))
    }

    /// Neither a byte nor an end may come for this long.
    #[must_use]
    pub fn expect_silence(self, duration: Duration) -> Self {
        self.then(ScriptStep::ExpectSilence(duration))
    }
}

/// Steps that wait.
impl Script {
    /// Does nothing, not even read, until the gate is open.
    #[must_use]
    pub fn stall(self, gate: &Gate) -> Self {
        self.then(ScriptStep::Stall(gate.clone()))
    }

    /// Opens the gate: the script has come this far.
    #[must_use]
    pub fn signal(self, gate: &Gate) -> Self {
        self.then(ScriptStep::Signal(gate.clone()))
    }

    /// Does nothing for this long. Prefer [`Self::stall`].
    #[must_use]
    pub fn pause(self, duration: Duration) -> Self {
        self.then(ScriptStep::Pause(duration))
    }

    fn then(mut self, step: ScriptStep) -> Self {
        self.steps.push(step);
        self
    }
}
