//! A session that transfers verified bytes until its test ends it.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use testkit::{Addr, Checker, LIMIT, Source, Stream, connect};

/// Bytes of a turn.
const CHUNK: usize = 2048;
/// Time between two turns.
const PAUSE: Duration = Duration::from_millis(10);

/// A client of an echo. Each turn writes the next bytes of a stream and reads them back.
pub(super) struct Traffic {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Traffic {
    /// Opens the session.
    pub(super) fn start(listen: impl Into<Addr>) -> Self {
        let client = connect(listen).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let must_end = ends.clone();
        let thread = thread::spawn(move || {
            let (mut source, mut checker) =
                (Source::new(Stream::new(7)), Checker::new(Stream::new(7)));
            let mut chunk = vec![0; CHUNK];
            loop {
                source.peek(&mut chunk);
                (&client).write_all(&chunk).expect("the session takes bytes");
                source.advance(CHUNK);
                (&client).read_exact(&mut chunk).expect("the session gives the bytes back");
                checker.check(&chunk).expect("the bytes are those that were sent");
                if must_end.load(Ordering::Relaxed) {
                    return checker.offset();
                }
                thread::sleep(PAUSE);
            }
        });
        Self { ends, thread }
    }

    /// Whether all bytes came back so far.
    pub(super) fn is_well(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Ends the session after the turn under way. All its bytes must have come back.
    #[track_caller]
    pub(super) fn finish(self) {
        self.ends.store(true, Ordering::Relaxed);
        assert!(self.thread.join().unwrap() > 0);
    }
}
