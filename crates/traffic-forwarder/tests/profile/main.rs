//! Profiles of a process that forwards, as a build with the feature `profile` takes them: `go tool
//! pprof` reads them, and the sessions do not notice. `make test-profile` runs these.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod loaded;

mod cpu;
mod document;
mod heap;
mod turns;
