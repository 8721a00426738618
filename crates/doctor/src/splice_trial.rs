//! Bytes that are really moved: from a TCP socket through a pipe into another one.

use engine::PIPE_SIZES;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use sys::{Errno, Pipe, PipeError};

/// More than any pipe holds, so that it is filled more than once.
const BYTES: usize = 2 << 20;
/// It takes milliseconds. A host that needs longer has another trouble.
const LIMIT: Duration = Duration::from_secs(2);
/// Between two looks at a socket that is not ready.
const PAUSE: Duration = Duration::from_millis(1);

/// What became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spliced {
    pub(super) bytes: u64,
    /// The size of the pipe that was granted.
    pub(super) pipe: u64,
    /// They came out as they went in.
    pub(super) intact: bool,
}

/// Moves them.
pub(super) fn splice() -> Result<Spliced, String> {
    let pipe = Pipe::new(&PIPE_SIZES).map_err(|error| match error {
        PipeError::Refused(errno) => format!("make a pipe: {}", sys::errno_text(errno)),
        PipeError::TooSmall => "make a pipe: this user has too many large ones already \
                                (fs.pipe-user-pages-soft)"
            .to_owned(),
    })?;
    let made = |error: io::Error| format!("make two connections on 127.0.0.1: {error}");
    let (mut client, source) = pair().map_err(made)?;
    let (sink, mut target) = pair().map_err(made)?;
    source.set_nonblocking(true).map_err(made)?;
    let sent: Vec<u8> = (0..=250).cycle().take(BYTES).collect();
    let expected = sent.clone();
    let feeder = std::thread::spawn(move || client.write_all(&sent));
    let reader = std::thread::spawn(move || {
        let mut got = Vec::with_capacity(BYTES);
        target.read_to_end(&mut got).map(|_| got)
    });
    let moved = carry(&pipe, &source, &sink);
    // Both threads end with their connections, whatever happened.
    drop((source, sink));
    let got = reader.join().map_err(|_| "the reader failed".to_owned())?;
    let fed = feeder.join().map_err(|_| "the feeder failed".to_owned())?;
    moved?;
    fed.map_err(|error| format!("send: {error}"))?;
    let got = got.map_err(|error| format!("receive: {error}"))?;
    Ok(Spliced { bytes: BYTES as u64, pipe: pipe.capacity() as u64, intact: got == expected })
}

fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
    }
    Ok((client, server))
}

fn carry(pipe: &Pipe, source: &TcpStream, sink: &TcpStream) -> Result<(), String> {
    let until = Instant::now() + LIMIT;
    let mut moved = 0;
    while moved < BYTES {
        let mut held = attempt(until, || pipe.fill(source.as_fd()))?;
        if held == 0 {
            return Err(format!("splice(2) found an end after {moved} bytes"));
        }
        moved += held;
        while held > 0 {
            held -= attempt(until, || pipe.drain(sink.as_fd(), held))?;
        }
    }
    Ok(())
}

/// Tries until it would not block.
fn attempt(until: Instant, step: impl Fn() -> sys::Result<usize>) -> Result<usize, String> {
    loop {
        match step() {
            Ok(count) => return Ok(count),
            Err(Errno::AGAIN) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(Errno::AGAIN) => return Err(format!("no byte moved within {LIMIT:?}")),
            Err(errno) => return Err(format!("splice(2): {}", sys::errno_text(errno))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_splices() {
        let spliced = splice().unwrap();
        assert!(spliced.intact && spliced.pipe >= 64 * 1024, "{spliced:?}");
    }
}
