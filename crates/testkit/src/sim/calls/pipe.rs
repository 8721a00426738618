//! pipe2(2), and splice(2) between pipes and sockets.

use crate::sim::conditions::Call;
use crate::sim::state::pipe::{PAGE, Pipe};
use crate::sim::state::slab::Key;
use crate::sim::world::World;
use sys::{Errno, Result};

/// Slots that one send of a splice to a socket takes (`splice_to_socket`).
const SLOTS_PER_SEND: usize = 16;
/// Slots of a new pipe (`PIPE_DEF_BUFFERS`), and beyond the soft limit of the user
/// (`PIPE_MIN_DEF_BUFFERS`).
const USUAL_SLOTS: usize = 16;
const FEWEST_SLOTS: usize = 2;

impl World {
    /// A new pipe with the first of `sizes` that the limits permit, or of the usual size.
    pub(crate) fn new_pipe(&mut self, sizes: &[usize]) -> Pipe {
        let most = self.random.size(&self.conditions.pipe_size);
        let left = self.conditions.pipe_pages.saturating_sub(self.pipe_pages);
        let usual = if most < USUAL_SLOTS * PAGE || left < USUAL_SLOTS {
            FEWEST_SLOTS * PAGE
        } else {
            USUAL_SLOTS * PAGE
        };
        // `round_pipe_size`
        let mut rounded = sizes.iter().map(|size| size.next_power_of_two().max(PAGE));
        let granted = rounded.find(|size| *size <= most && size / PAGE <= left);
        let pipe = Pipe::new(granted.unwrap_or(usual));
        self.pipe_pages += pipe.pages();
        pipe
    }

    /// Splices from a socket into a pipe: at most `most` bytes, and one fragment a slot. An error behind
    /// bytes is left for the next call.
    pub(crate) fn fill(&mut self, pipe: Key, source: Key, most: usize) -> Result<usize> {
        self.fails(Call::Fill)?;
        if !self.pipe(pipe)?.has_free_slot() {
            return Err(Errno::AGAIN);
        }
        let most = self.shortened(most).min(self.spliceable(source)?);
        let mut filled = 0;
        while filled < most && self.pipe(pipe)?.has_free_slot() {
            let size = self.random.size(&self.conditions.fragment).clamp(1, most - filled);
            let bytes = self.take_for_splice(source, size)?;
            filled += bytes.len();
            self.pipe(pipe)?.push(bytes);
        }
        Ok(filled)
    }

    /// Splices from a pipe to a socket: several sends, until one fails (`splice_to_socket`). If others have
    /// moved bytes before, the call returns their count, and the error is gone. `EAGAIN` if the pipe is
    /// empty.
    pub(crate) fn drain(&mut self, pipe: Key, sink: Key, most: usize) -> Result<usize> {
        self.fails(Call::Drain)?;
        let mut moved = 0;
        let most = self.shortened(most);
        while moved < most {
            let bytes = self.pipe(pipe)?.first(SLOTS_PER_SEND, most - moved);
            if bytes.is_empty() {
                break;
            }
            if moved > 0 && self.random.happens(self.conditions.arrivals_in_splices) {
                self.let_arrive();
            }
            match self.send(sink, &bytes) {
                Ok(count) => {
                    self.pipe(pipe)?.skip(count);
                    moved += count;
                }
                Err(_) if moved > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        if moved == 0 { Err(Errno::AGAIN) } else { Ok(moved) }
    }

    /// Time passes until the next segment arrives, if that is soon: within the longest delay of one.
    fn let_arrive(&mut self) {
        let soon = self.now.after(std::time::Duration::from_micros(*self.conditions.delay.end()));
        if let Some(at) = self.next_due().filter(|at| *at <= soon) {
            self.now = self.now.max(at);
            self.settle();
        }
    }

    /// Reads from a pipe. `EAGAIN` if it is empty.
    pub(crate) fn read_pipe(&mut self, pipe: Key, buffer: &mut [u8]) -> Result<usize> {
        match self.pipe(pipe)?.read(buffer) {
            0 if !buffer.is_empty() => Err(Errno::AGAIN),
            count => Ok(count),
        }
    }
}
