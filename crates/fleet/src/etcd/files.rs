//! Files of the configuration: small, and read at each use, so that they may be replaced.

use std::io::Read;
use std::path::Path;

use super::failure::Failure;
use crate::file_fault::FileFault;

/// More than the authorities of a whole host.
const FILE_MAX: u64 = 4 << 20;

/// Reads a regular file. A pipe or a device would make the control thread wait; the type is that of the open file, because
/// the path may change at any time.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |fault| Failure::File { path: path.to_owned(), fault };
    let unreadable = |error| failed(FileFault::Unreadable(error));
    let file = sys::open_to_read(path).map_err(|errno| unreadable(errno.into()))?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(failed(FileFault::NotRegular));
    }
    let mut bytes = Vec::new();
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(failed(FileFault::TooLong(FILE_MAX)));
    }
    Ok(bytes)
}

/// The first line of a password file.
pub(super) fn read_password(path: &Path) -> Result<String, Failure> {
    let failed = |fault| Failure::File { path: path.to_owned(), fault };
    let text = String::from_utf8(read(path)?).map_err(|_| failed(FileFault::NotText))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(failed(FileFault::NoPassword));
    }
    if password.contains('\n') {
        return Err(failed(FileFault::SeveralLines));
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    /// A named pipe that takes the place of the file at any moment makes no reader wait.
    #[test]
    fn a_pipe_in_the_place_of_a_file_is_refused() {
        const READS: usize = 50_000;
        let dir = tempfile::TempDir::new().unwrap();
        let [place, pipe, file] = ["place", "pipe", "file"].map(|name| dir.path().join(name));
        std::fs::write(&place, "text").unwrap();
        let (is_over, (sender, receiver)) = (Arc::new(AtomicBool::new(false)), channel());
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
                    std::fs::rename(&pipe, &place).unwrap();
                    std::fs::write(&file, "text").unwrap();
                    std::fs::rename(&file, &place).unwrap();
                }
            });
            let (path, has_ended) = (place.clone(), Arc::clone(&is_over));
            // A reader that waits for a writer of the pipe is left behind, so that the test can fail.
            thread::spawn(move || {
                let (mut refused, mut texts, mut others) = (0_usize, 0_usize, Vec::new());
                // The thread that replaces the file may not have run for the first reads.
                let is_missing_one =
                    |refused, texts| refused + texts < READS || refused == 0 || texts == 0;
                while is_missing_one(refused, texts)
                    && others.is_empty()
                    && !has_ended.load(Ordering::SeqCst)
                {
                    match read(&path) {
                        Err(Failure::File { fault: FileFault::NotRegular, .. }) => refused += 1,
                        Ok(text) if text == b"text" => texts += 1,
                        other => others.push(other),
                    }
                }
                let _ = sender.send((refused, texts, others));
            });
            let reads = receiver.recv_timeout(Duration::from_secs(60));
            is_over.store(true, Ordering::SeqCst);
            let (refused, texts, others) = reads.expect("each read ends, and both kinds come");
            assert!(others.is_empty(), "{others:?} after {refused} and {texts}");
        });
    }
}
