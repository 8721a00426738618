//! The two ways to move bytes, and the reasons for a lane to choose one.

use crate::words::words;

words! {
    /// A way to move bytes from socket to socket.
    Path {
        Copy = "copy": "Through a buffer of the worker, by recv(2) and send(2). Best for small messages.",
        Splice = "splice": "Through a pipe, by splice(2), without the bytes entering user memory. Best for bulk.",
    }
}

impl Path {
    /// Both, the one for small messages first.
    pub const BOTH: [Self; 2] = [Self::Copy, Self::Splice];
}

/// The path that the configuration asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathChoice {
    /// Copy, and splice while the traffic is bulk.
    Auto,
    /// Copy, also while the traffic is bulk.
    Copy,
    /// Splice from the first byte, wherever the kernel can.
    Splice,
}

words! {
    /// The reason for which a lane went from splice to copy: the more serious, the greater.
    Fallback {
        None = "none": "It did not.",
        SmallMessages = "small_messages": "It spliced, and the pieces became small: copying is faster for them.",
        NoPipe = "no_pipe": "No pipe could be had: descriptors, or the kernel's `pipe-user-pages-soft`. Tried again later.",
        Unsupported = "unsupported": "The kernel cannot splice these sockets. Not tried again in this session.",
    }
}

/// The paths that carried bytes of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathsUsed {
    /// The lane has copied bytes.
    pub copy: bool,
    /// The lane has spliced bytes.
    pub splice: bool,
}

impl PathsUsed {
    const COPY: u8 = 1;
    const SPLICE: u8 = 2;

    /// In one byte.
    pub(crate) fn to_bits(self) -> u8 {
        (u8::from(self.copy) * Self::COPY) | (u8::from(self.splice) * Self::SPLICE)
    }

    /// The reverse of [`Self::to_bits`].
    pub(crate) fn from_bits(bits: u8) -> Self {
        Self { copy: bits & Self::COPY != 0, splice: bits & Self::SPLICE != 0 }
    }
}
