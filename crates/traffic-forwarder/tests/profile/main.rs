//! Profiles of a forwarding process, built with the feature `profile`: `go tool pprof` reads them,
//! and the sessions are not disturbed. `make test-profile` runs these tests.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod loaded;

mod cpu;
mod document;
mod heap;
mod turns;
