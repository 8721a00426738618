//! Carries out the steps of a lane, and reports each result to the session, which decides the next one.

use crate::failure;
use crate::holding::{Holding, Pool, SCRATCH};
use crate::session::Session;
use flow::{Cause, Direction, Fallback, LaneState, Path, Peer, Step, Time};
use sys::Errno;
use sys::kernel::{Kernel, Pipe as _, Socket as _};

/// Most bytes that are read and dropped so that a client whose target was never connected gets a FIN.
/// A client that has sent more gets an RST.
const MOST_DISCARDED: usize = 1024 * 1024;

/// A worker's means to move bytes: a scratch buffer, and the pool of buffers and pipes.
pub(crate) struct Pump<K: Kernel> {
    /// Number of the worker, for the counters.
    worker: usize,
    scratch: Box<[u8]>,
    pub(crate) pool: Pool<K>,
    /// The resource that a step lacked, until it is reported.
    pub(crate) missing: Option<Cause>,
}

impl<K: Kernel> Pump<K> {
    pub(crate) fn new(kernel: K, worker: usize, most_pipes: usize) -> Self {
        let scratch = vec![0; SCRATCH].into_boxed_slice();
        Self { worker, scratch, pool: Pool::new(kernel, most_pipes), missing: None }
    }

    /// The scratch buffer. Its contents are lost at the next call of the pump.
    pub(crate) fn scratch(&mut self) -> &mut [u8] {
        &mut self.scratch
    }

    /// Reads and drops received bytes, up to [`MOST_DISCARDED`].
    pub(crate) fn discard(&mut self, socket: &K::Socket) {
        for _ in 0..MOST_DISCARDED / SCRATCH {
            if !matches!(socket.receive(&mut self.scratch), Ok(1..)) {
                return;
            }
        }
    }

    /// Carries out one step. Returns the number of bytes taken by the sink.
    pub(crate) fn carry_out(
        &mut self,
        session: &mut Session<K>,
        direction: Direction,
        step: Step,
        now: Time,
    ) -> usize {
        match step {
            Step::Copy => self.copy(session, direction, now),
            Step::Fill => {
                self.fill(session, direction, now);
                0
            }
            Step::Send => self.send(session, direction, now),
            Step::PassFin => {
                pass_fin(session, direction, now);
                0
            }
        }
    }

    /// Receives into the scratch buffer and sends at once. Only unsent bytes are copied to a buffer of
    /// the session.
    fn copy(&mut self, session: &mut Session<K>, direction: Direction, now: Time) -> usize {
        let received = source(session, direction).receive(&mut self.scratch);
        let count = match received {
            Ok(0) => {
                end_of_stream(session, direction);
                return 0;
            }
            Ok(count) => count,
            Err(Errno::AGAIN) => {
                session.flow.read_would_block(direction);
                return 0;
            }
            Err(errno) => {
                session.flow.read_failed(direction, failure::of_connection(errno), now);
                return 0;
            }
        };
        session.flow.copied(direction, count, SCRATCH, now);
        let taken = send(session, direction, &self.scratch[..count], now);
        session.counters(self.worker).moved(direction, Path::Copy, taken);
        if taken < count && session.flow.lane(direction).state() != LaneState::Broken {
            *session.holding(direction) = Some(self.pool.buffer(&self.scratch[taken..count]));
        }
        taken
    }

    /// Splices received bytes into an empty pipe.
    fn fill(&mut self, session: &mut Session<K>, direction: Direction, now: Time) {
        let holding = match self.pool.pipe(now) {
            Ok(holding) => holding,
            Err(missing) => {
                // The pool returns the missing resource with the first refusal only.
                self.missing = missing.or(self.missing);
                return session.flow.fall_back(direction, Fallback::NoPipe);
            }
        };
        let Holding::Pipe(pipe) = &*holding else { return };
        match pipe.fill(source(session, direction)) {
            Ok(0) => session.flow.fill_found_end(direction),
            Ok(count) => {
                session.flow.filled(direction, count, now);
                *session.holding(direction) = Some(holding);
                return;
            }
            Err(Errno::AGAIN) => session.flow.fill_would_block(direction),
            Err(errno) if failure::says_unsupported(errno) => {
                session.flow.fall_back(direction, Fallback::Unsupported);
            }
            Err(Errno::NOMEM) => {
                self.missing = Some(Cause::NoMemory);
                session.flow.fall_back(direction, Fallback::NoPipe);
            }
            Err(errno) => session.flow.fill_failed(direction, failure::of_connection(errno), now),
        }
        // The pipe is still empty.
        self.pool.give_back(holding);
    }

    /// Sends the held bytes.
    fn send(&mut self, session: &mut Session<K>, direction: Direction, now: Time) -> usize {
        let Some(mut holding) = session.holding(direction).take() else {
            // A bug of ours: the bytes are lost. Ends the lane, so that the session does not spin.
            session.flow.write_failed(direction, failure::of_connection(Errno::IO), now);
            return 0;
        };
        let taken = match &mut *holding {
            Holding::Buffer(buffer) => {
                let taken = send(session, direction, buffer.unsent(), now);
                session.counters(self.worker).moved(direction, Path::Copy, taken);
                buffer.sent(taken);
                taken
            }
            Holding::Pipe(pipe) => {
                let held = held(session, direction);
                match pipe.drain(sink(session, direction), held) {
                    Err(errno) if failure::says_unsupported(errno) => {
                        match self.empty_into_buffer(pipe, held) {
                            Ok(buffer) => {
                                self.pool.discard(std::mem::replace(&mut holding, buffer));
                                session.flow.fall_back(direction, Fallback::Unsupported);
                            }
                            Err(errno) => {
                                let failure = failure::of_connection(errno);
                                session.flow.write_failed(direction, failure, now);
                            }
                        }
                        0
                    }
                    Ok(taken) => {
                        session.flow.drained(direction, taken, now);
                        session.counters(self.worker).moved(direction, Path::Splice, taken);
                        taken
                    }
                    Err(errno) => not_sent(session, direction, errno, now),
                }
            }
        };
        self.put_away(session, direction, holding);
        taken
    }

    /// Reads the bytes of a pipe into a buffer: the sink does not support splice(2).
    fn empty_into_buffer(&mut self, pipe: &K::Pipe, held: usize) -> sys::Result<Box<Holding<K>>> {
        let mut bytes = vec![0; held];
        let mut filled = 0;
        // Bounded: each pass reads bytes that are known to be in the pipe, or ends the loop.
        while filled < held {
            match pipe.read(&mut bytes[filled..])? {
                0 => return Err(Errno::IO),
                count => filled += count,
            }
        }
        Ok(self.pool.buffer(&bytes))
    }

    /// Keeps a buffer or pipe with bytes of a live lane, returns an empty one to the pool, and discards
    /// one with bytes that will never be sent.
    fn put_away(
        &mut self,
        session: &mut Session<K>,
        direction: Direction,
        holding: Box<Holding<K>>,
    ) {
        let lane = session.flow.lane(direction);
        if lane.held() == 0 {
            self.pool.give_back(holding);
        } else if lane.state() == LaneState::Broken {
            self.pool.discard(holding);
        } else {
            *session.holding(direction) = Some(holding);
        }
    }
}

fn end_of_stream<K: Kernel>(session: &mut Session<K>, direction: Direction) {
    let header = session.proxied().map_or(0, |proxied| proxied.header_length);
    let Session { flow, client, target, .. } = session;
    flow.end_of_stream(direction, || match direction.source() {
        Peer::Client => client.sequence_received().map(|count| count.saturating_sub(header.into())),
        Peer::Target => target.as_ref().and_then(K::Socket::sequence_received),
    });
}

fn pass_fin<K: Kernel>(session: &mut Session<K>, direction: Direction, now: Time) {
    match sink(session, direction).shut_write() {
        Ok(()) => session.flow.fin_passed(direction, now),
        Err(errno) => session.flow.write_failed(direction, failure::of_connection(errno), now),
    }
}

/// Sends `bytes` to the lane's sink. Returns the number of bytes taken.
fn send<K: Kernel>(
    session: &mut Session<K>,
    direction: Direction,
    bytes: &[u8],
    now: Time,
) -> usize {
    match sink(session, direction).send(bytes) {
        Ok(taken) => {
            session.flow.sent(direction, taken, bytes.len(), now);
            taken
        }
        Err(errno) => not_sent(session, direction, errno, now),
    }
}

/// Reports that the lane's sink took no byte. Returns 0.
fn not_sent<K: Kernel>(
    session: &mut Session<K>,
    direction: Direction,
    errno: Errno,
    now: Time,
) -> usize {
    if errno == Errno::AGAIN {
        session.flow.write_would_block(direction, now);
    } else {
        session.flow.write_failed(direction, failure::of_connection(errno), now);
    }
    0
}

/// Number of bytes that a lane holds.
fn held<K: Kernel>(session: &Session<K>, direction: Direction) -> usize {
    usize::try_from(session.flow.lane(direction).held()).expect("held bytes fit in memory")
}

fn source<K: Kernel>(session: &Session<K>, direction: Direction) -> &K::Socket {
    socket(session, direction.source())
}

fn sink<K: Kernel>(session: &Session<K>, direction: Direction) -> &K::Socket {
    socket(session, direction.sink())
}

/// Lanes have steps only while the session relays, and then it has both sockets.
fn socket<K: Kernel>(session: &Session<K>, peer: Peer) -> &K::Socket {
    session.socket(peer).expect("a relaying session has both sockets")
}
