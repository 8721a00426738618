//! The two ways to move bytes, and how a lane came to its own.

use crate::words::words;

/// How bytes are moved just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Through a buffer of the worker: recv(2) and send(2). The best for small messages.
    Copy,
    /// Through a pipe, without the bytes entering user memory: splice(2). The best for bulk.
    Splice,
}

impl Path {
    /// Both, the one for small messages first.
    pub const BOTH: [Self; 2] = [Self::Copy, Self::Splice];

    /// The word for logs and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Splice => "splice",
        }
    }
}

/// Which path the configuration asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathChoice {
    /// Copy, and splice while the traffic is bulk.
    Auto,
    /// Always copy.
    Copy,
    /// Splice from the first byte, wherever the kernel can.
    Splice,
}

words! {
    /// Why a lane went from splice to copy: the more serious, the greater.
    Fallback {
        None = "none": "It did not.",
        SmallMessages = "small_messages": "It spliced, and the pieces became small: copying is faster for them.",
        NoPipe = "no_pipe": "No pipe could be had: descriptors, or the kernel's `pipe-user-pages-soft`. Tried again later.",
        Unsupported = "unsupported": "The kernel cannot splice these sockets. Not tried again in this session.",
    }
}

/// Which paths carried bytes of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathsUsed {
    /// Bytes were copied.
    pub copy: bool,
    /// Bytes were spliced.
    pub splice: bool,
}

impl PathsUsed {
    /// The word for logs.
    pub fn as_str(self) -> &'static str {
        match (self.copy, self.splice) {
            (false, false) => "none",
            (true, false) => "copy",
            (false, true) => "splice",
            (true, true) => "copy+splice",
        }
    }
}
