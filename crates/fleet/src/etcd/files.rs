//! Files of the configuration: small, and read at each use, so that they may be replaced.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::failure::Failure;

/// More than the authorities of a whole host.
const LARGEST: u64 = 4 << 20;

/// Reads a regular file: a pipe or a device would make the control thread wait.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |message: String| Failure::File { path: path.to_owned(), message };
    let metadata = fs::metadata(path).map_err(|error| failed(cannot_read(&error)))?;
    if !metadata.is_file() {
        return Err(failed("is no regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    read.map_err(|error| failed(cannot_read(&error)))?;
    if bytes.len() as u64 > LARGEST {
        return Err(failed(format!("is longer than {} MiB", LARGEST >> 20)));
    }
    Ok(bytes)
}

fn cannot_read(error: &std::io::Error) -> String {
    format!("cannot be read: {}", flow::error_text(error))
}

/// The first line of a password file.
pub(super) fn read_password(path: &Path) -> Result<String, Failure> {
    let failed = |message: &str| Failure::File { path: path.to_owned(), message: message.into() };
    let text = String::from_utf8(read(path)?).map_err(|_| failed("is not UTF-8"))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(failed("is empty: write the password of `user` into it"));
    }
    if password.contains('\n') {
        return Err(failed("has several lines: expected the password of `user` alone"));
    }
    Ok(password.to_owned())
}
