//! Guarantees for a connection, case by case, on each path with one worker and with two.

mod accepting;
mod cases;
mod flushes;
mod mptcp;
mod neighbours;
mod ports;
mod routes;
mod vanished;
