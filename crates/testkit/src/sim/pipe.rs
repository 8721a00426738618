//! Pipes, and splicing between them and sockets.

use super::conditions::Call;
use super::world::{FileKey, World};
use std::collections::VecDeque;
use sys::{Errno, Result};

/// Bytes of a page: the size of a slot.
pub(super) const PAGE: usize = 4096;
/// Slots that one send of a splice to a socket takes.
const SLOTS_PER_SEND: usize = 16;

/// A pipe. Each fragment takes a slot, however short it is.
#[derive(Debug)]
pub(super) struct Pipe {
    fragments: VecDeque<VecDeque<u8>>,
    pub(super) capacity: usize,
    /// Ends that are open.
    pub(super) open_ends: u32,
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Self {
        Self { fragments: VecDeque::new(), capacity, open_ends: 2 }
    }

    fn free_slots(&self) -> usize {
        (self.capacity / PAGE).saturating_sub(self.fragments.len())
    }

    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let mut count = 0;
        while let Some(fragment) = self.fragments.front_mut() {
            while let Some(place) = buffer.get_mut(count) {
                let Some(byte) = fragment.pop_front() else { break };
                *place = byte;
                count += 1;
            }
            if !fragment.is_empty() {
                break;
            }
            self.fragments.pop_front();
        }
        count
    }

    /// The bytes of the first slots, at most `most`.
    fn first(&self, slots: usize, most: usize) -> Vec<u8> {
        self.fragments.iter().take(slots).flatten().copied().take(most).collect()
    }

    fn skip(&mut self, mut count: usize) {
        while count > 0 {
            let Some(fragment) = self.fragments.front_mut() else { return };
            let taken = count.min(fragment.len());
            fragment.drain(..taken);
            count -= taken;
            if fragment.is_empty() {
                self.fragments.pop_front();
            }
        }
    }
}

impl World {
    /// Splices from a socket into a pipe (`tcp_splice_read`): at most `most` bytes, and one fragment a
    /// slot. An error behind bytes is left for the next call.
    pub(super) fn fill(&mut self, pipe: FileKey, source: FileKey, most: usize) -> Result<usize> {
        self.fails(Call::Fill)?;
        if self.pipe(pipe)?.free_slots() == 0 {
            return Err(Errno::AGAIN);
        }
        let most = self.shortened(most).min(self.spliceable(source)?);
        let mut filled = 0;
        while filled < most && self.pipe(pipe)?.free_slots() > 0 {
            let size = self.conditions.fragment.clone();
            let size = self.random.size(&size).clamp(1, most - filled);
            let bytes = self.take_for_splice(source, size)?;
            filled += bytes.len();
            self.pipe(pipe)?.fragments.push_back(bytes.into());
        }
        Ok(filled)
    }

    /// Splices from a pipe to a socket: several sends. If one fails after others have moved bytes, the
    /// call returns their count, and the error is gone.
    pub(super) fn drain(&mut self, pipe: FileKey, sink: FileKey, most: usize) -> Result<usize> {
        self.fails(Call::Drain)?;
        let mut moved = 0;
        let most = self.shortened(most);
        while moved < most {
            let bytes = self.pipe(pipe)?.first(SLOTS_PER_SEND, most - moved);
            if bytes.is_empty() {
                break;
            }
            match self.send(sink, &bytes) {
                Ok(count) => {
                    self.pipe(pipe)?.skip(count);
                    moved += count;
                    if count < bytes.len() {
                        break;
                    }
                }
                Err(_) if moved > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        if moved == 0 { Err(Errno::AGAIN) } else { Ok(moved) }
    }

    /// Reads from a pipe. `EAGAIN` if it is empty.
    pub(super) fn read_pipe(&mut self, pipe: FileKey, buffer: &mut [u8]) -> Result<usize> {
        match self.pipe(pipe)?.read(buffer) {
            0 if !buffer.is_empty() => Err(Errno::AGAIN),
            count => Ok(count),
        }
    }
}
