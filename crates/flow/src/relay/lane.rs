//! One direction of a session: receive, hold bytes that the sink does not take yet, send, and pass
//! the FIN on. A session has two lanes, made of the same code.

use super::path::{Fallback, Path, PathChoice, PathsUsed};
use super::socket_state::SocketState;

/// Reads in a row that fill the whole scratch buffer before a lane starts to splice: a single large
/// message is not yet bulk.
const FULL_READS_TO_SPLICE: u8 = 3;
/// A splice of fewer bytes costs more than a copy.
const SMALL_FILL: usize = 16 * 1024;
/// Small splices in a row before a lane goes back to copying.
const SMALL_FILLS_TO_COPY: u8 = 2;
/// Upper bound of one read in a lane's pace, in KiB: the pace falls soon after bulk ends.
const MOST_OF_ONE_READ: u8 = 64;
/// Pace from which a lane counts as bulk. One larger read reaches it: waiting for the small messages
/// of a turn costs a bulk lane next to nothing, while many lanes that do not wait delay them a lot.
const BULK_PACE: u8 = 4;

/// The states of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneState {
    /// The source may send more.
    Open,
    /// The source has sent its FIN, which is passed on after the last byte held.
    Ending,
    /// The source broke: bytes received before are still delivered, then the sink is reset.
    Breaking,
    /// Every byte and the FIN were passed on.
    Finished,
    /// The sink broke and takes no more bytes. Some may be lost.
    Broken,
}

/// The next operation of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Receive into a buffer, and send those bytes at once.
    Copy,
    /// Splice from the source into an empty pipe.
    Fill,
    /// Send the held bytes, from a buffer or from a pipe.
    Send,
    /// Pass the FIN on, by shutdown(2) of the sink's write side.
    PassFin,
}

/// The state of one direction. Plain data.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    pub(crate) received: u64,
    /// At most a pipe.
    pub(crate) held: u32,
    /// While it waits for its sink: when that last took a byte, see [`Session::wait_begins`](crate::Session).
    pub(crate) progress: u32,
    /// Checks of a waiting lane since then.
    pub(crate) checks: u8,
    pub(crate) state: LaneState,
    pub(crate) choice: PathChoice,
    pub(crate) path: Path,
    /// Full reads in a row while copying, or small fills in a row while splicing.
    pub(crate) streak: u8,
    /// Average KiB per read, on either path; the last read weighs as much as all before it.
    pub(crate) pace: u8,
    /// As [`PathsUsed::to_bits`], so that a lane has 24 bytes.
    pub(crate) used: u8,
    pub(crate) fallback: Fallback,
}

impl Lane {
    pub(crate) fn new(choice: PathChoice) -> Self {
        let path = if choice == PathChoice::Splice { Path::Splice } else { Path::Copy };
        Self {
            received: 0,
            held: 0,
            progress: 0,
            checks: 0,
            state: LaneState::Open,
            choice,
            path,
            streak: 0,
            pace: 0,
            used: 0,
            fallback: Fallback::None,
        }
    }

    /// Copies bulk as well, unless its configuration asks for splicing.
    pub(crate) fn prefer_copying(&mut self) {
        if self.choice == PathChoice::Auto {
            self.choice = PathChoice::Copy;
        }
    }

    /// Bytes received from the source.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Bytes that the sink's socket took.
    pub fn sent(&self) -> u64 {
        self.received - u64::from(self.held)
    }

    /// Bytes received and not sent yet, in a buffer or a pipe of the engine.
    pub fn held(&self) -> u64 {
        self.held.into()
    }

    /// The state that the lane is in.
    pub fn state(&self) -> LaneState {
        self.state
    }

    /// The path of the next bytes.
    pub fn path(&self) -> Path {
        self.path
    }

    /// The paths that have carried bytes so far.
    pub fn paths_used(&self) -> PathsUsed {
        PathsUsed::from_bits(self.used)
    }

    /// The most serious reason for which the lane went from splice to copy so far.
    pub fn fallback(&self) -> Fallback {
        self.fallback
    }

    /// Whether the lane moves large pieces, on either path: a lane may copy bulk because of its
    /// configuration, because no pipe is free, or because its sockets cannot be spliced.
    pub(crate) fn is_bulk(&self) -> bool {
        self.pace >= BULK_PACE
    }

    /// `count` bytes were received, on this path.
    fn take(&mut self, count: usize, path: PathsUsed) {
        self.received += count as u64;
        // The lane has held nothing, and the buffers of the engine are smaller.
        self.held += u32::try_from(count).unwrap_or(u32::MAX - self.held);
        self.used |= path.to_bits();
        self.take_pace(count);
    }

    fn take_pace(&mut self, count: usize) {
        let kib =
            u8::try_from(count / 1024).map_or(MOST_OF_ONE_READ, |kib| kib.min(MOST_OF_ONE_READ));
        self.pace = self.pace.midpoint(kib);
    }

    /// The next step; `None` while the lane must wait, and when nothing is left to do.
    pub(crate) fn next(&self, source: SocketState, sink: SocketState) -> Option<Step> {
        match self.state {
            _ if self.may_deliver() && self.held > 0 => sink.writable().then_some(Step::Send),
            LaneState::Open => source.readable().then_some(match self.path {
                Path::Copy => Step::Copy,
                Path::Splice => Step::Fill,
            }),
            LaneState::Ending => Some(Step::PassFin),
            LaneState::Breaking | LaneState::Finished | LaneState::Broken => None,
        }
    }

    /// `count` bytes were received into a buffer that had room for `room`.
    pub(crate) fn copied(&mut self, count: usize, room: usize) {
        self.take(count, PathsUsed { copy: true, splice: false });
        if self.fallback == Fallback::Unsupported {
            return;
        }
        self.streak = if count == room { self.streak.saturating_add(1) } else { 0 };
        let splice = match self.choice {
            PathChoice::Auto => self.streak >= FULL_READS_TO_SPLICE,
            PathChoice::Copy => false,
            // It copied because no pipe was free. One may be free for the next bytes.
            PathChoice::Splice => true,
        };
        if splice {
            self.change_path(Path::Splice);
        }
    }

    /// `count` bytes were spliced into the pipe.
    pub(crate) fn filled(&mut self, count: usize) {
        self.take(count, PathsUsed { copy: false, splice: true });
        self.streak = if count < SMALL_FILL { self.streak.saturating_add(1) } else { 0 };
        if self.choice == PathChoice::Auto && self.streak >= SMALL_FILLS_TO_COPY {
            self.fall_back(Fallback::SmallMessages);
        }
    }

    /// Copies next, since only a recv(2) shows what stands at the head of the queue.
    pub(crate) fn ask_by_copy(&mut self) {
        self.change_path(Path::Copy);
    }

    /// Copy from now on, for this reason.
    pub(crate) fn fall_back(&mut self, fallback: Fallback) {
        self.fallback = self.fallback.max(fallback);
        self.change_path(Path::Copy);
    }

    fn change_path(&mut self, path: Path) {
        self.path = path;
        self.streak = 0;
    }

    /// The sink's socket took `count` bytes of those held.
    pub(crate) fn delivered(&mut self, count: usize) {
        debug_assert!(count as u64 <= self.held(), "sent more than was received");
        // A socket takes no more than it is offered.
        self.held -= u32::try_from(count).unwrap_or(self.held);
    }

    /// The source has no more bytes, because of a FIN if `in_order`, otherwise because it broke.
    pub(crate) fn source_ended(&mut self, in_order: bool) {
        if self.state == LaneState::Open {
            self.state = if in_order { LaneState::Ending } else { LaneState::Breaking };
        }
    }

    pub(crate) fn fin_passed(&mut self) {
        debug_assert!(self.state == LaneState::Ending && self.held() == 0, "FIN before a byte");
        self.state = LaneState::Finished;
    }

    /// The sink takes no more bytes.
    pub(crate) fn sink_failed(&mut self) {
        if self.state != LaneState::Finished {
            self.state = LaneState::Broken;
        }
    }

    /// Bytes that it holds may still be delivered.
    pub(crate) fn may_deliver(&self) -> bool {
        matches!(self.state, LaneState::Open | LaneState::Ending | LaneState::Breaking)
    }

    /// Nothing more will be delivered: the FIN was passed on, the sink is broken, or the source broke
    /// and no byte of it is left.
    pub(crate) fn is_over(&self) -> bool {
        match self.state {
            LaneState::Open | LaneState::Ending => false,
            LaneState::Breaking => self.held() == 0,
            LaneState::Finished | LaneState::Broken => true,
        }
    }
}

#[cfg(test)]
mod tests;
