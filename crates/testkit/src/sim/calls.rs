//! System calls on the state of the simulation.

mod accept;
mod bind;
pub(crate) mod connect;
mod epoll;
mod options;
mod pipe;
mod stream;
mod unix;
