//! Upgrade in place: the process becomes another image of the program, and nobody who is connected
//! notices.

mod becoming;

mod connecting;
mod sessions;
