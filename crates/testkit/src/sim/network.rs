//! Segments between TCP ends: sending, arrival, timers, and the end of connections.

mod arrive;
mod ending;
mod handshake;
mod timers;
mod transmit;
