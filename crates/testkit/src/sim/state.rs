//! The parts of a simulated world, and their rules that need no other part.

pub(crate) mod agenda;
pub(crate) mod endpoint;
pub(crate) mod epoll;
pub(crate) mod file;
pub(crate) mod listener;
pub(crate) mod pipe;
pub(crate) mod poll;
pub(crate) mod ports;
pub(crate) mod random;
pub(crate) mod receive_queue;
pub(crate) mod segment;
pub(crate) mod send_queue;
pub(crate) mod slab;
pub(crate) mod timers;
pub(crate) mod unix;
