//! What the simulated kernel and network may do to a caller, and the generator that decides it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use sys::Errno;

/// The conditions of a simulation. The default is a friendly host: no delay, no fault.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Delay of each segment, in microseconds. Segments of one direction stay in order.
    pub delay: RangeInclusive<u64>,
    /// Size of receive buffers, in bytes.
    pub receive_buffer: RangeInclusive<usize>,
    /// Size of send buffers, in bytes.
    pub send_buffer: RangeInclusive<usize>,
    /// Largest fragment that takes one slot of a pipe, in bytes.
    pub fragment: RangeInclusive<usize>,
    /// Largest pipe that is granted, in bytes. Below 65,536: the user's pipes exceed
    /// `pipe-user-pages-soft`.
    pub pipe_size: RangeInclusive<usize>,
    /// Percentage of receives, sends and splices that move a part only.
    pub short_counts: u32,
    /// Percentage of waits that report an event without a change.
    pub spurious_events: u32,
    /// Percentage of calls that fail, and with which errors, by kind of call.
    pub failures: BTreeMap<Call, (u32, Vec<Errno>)>,
    /// Ports for outgoing connections.
    pub ephemeral_ports: RangeInclusive<u16>,
    /// Open files of all processes together.
    pub open_files: usize,
    /// Length of accept queues.
    pub backlog: usize,
}

/// A kind of call that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// accept(2), after its checks of descriptors.
    Accept,
    /// socket(2).
    Socket,
    /// connect(2).
    Connect,
    /// recv(2).
    Receive,
    /// send(2).
    Send,
    /// splice(2) into a pipe.
    Fill,
    /// splice(2) out of a pipe.
    Drain,
    /// pipe2(2).
    Pipe,
    /// `EPOLL_CTL_ADD` of epoll_ctl(2).
    Watch,
    /// bind(2) and listen(2).
    Listen,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            delay: 0..=0,
            receive_buffer: 128 * 1024..=128 * 1024,
            send_buffer: 128 * 1024..=128 * 1024,
            fragment: 32 * 1024..=32 * 1024,
            pipe_size: 1024 * 1024..=1024 * 1024,
            short_counts: 0,
            spurious_events: 0,
            failures: BTreeMap::new(),
            ephemeral_ports: 32768..=60999,
            open_files: usize::MAX,
            backlog: 4096,
        }
    }
}

/// The generator of all random decisions (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number within the range.
    pub(super) fn within(&mut self, range: &RangeInclusive<u64>) -> u64 {
        let span = range.end().saturating_sub(*range.start()).saturating_add(1);
        range.start() + self.next() % span
    }

    /// A size within the range.
    pub(super) fn size(&mut self, range: &RangeInclusive<usize>) -> usize {
        usize::try_from(self.within(&(*range.start() as u64..=*range.end() as u64))).unwrap_or(0)
    }

    /// Whether an event of this percentage happens. A percentage of 0 takes no random number.
    pub(super) fn happens(&mut self, percent: u32) -> bool {
        percent > 0 && self.next() % 100 < u64::from(percent)
    }

    /// One of the values.
    pub(super) fn choose<T: Copy>(&mut self, values: &[T]) -> Option<T> {
        let count = u64::try_from(values.len()).ok().filter(|count| *count > 0)?;
        usize::try_from(self.next() % count).ok().and_then(|at| values.get(at).copied())
    }
}
