//! Reading the configuration file, whatever stands at its path: the amount read is bounded, and
//! nothing here waits for a pipe or a device.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::problem::Place;

/// Room for a hundred thousand forwards, and small enough to refuse a log file given by mistake.
const SIZE_MAX: u64 = 16 * 1024 * 1024;

/// Linux, on every architecture we run on. Opening a pipe without it waits for a writer.
const O_NONBLOCK: i32 = 0o4000;

/// Why a file could not be read.
#[derive(Clone, Debug)]
pub struct FileFault {
    /// What is wrong, with the file's name.
    pub message: String,
    pub(crate) hint: Option<&'static str>,
    pub(crate) place: Option<Place>,
}

impl FileFault {
    fn new(message: String) -> Self {
        Self { message, hint: None, place: None }
    }
}

/// The text of a file, without its byte order mark: a regular file of at most 16 MiB, in UTF-8.
pub fn read(path: &Path) -> Result<String, FileFault> {
    let name = path.to_string_lossy();
    let bytes = read_bytes(path).map_err(|error| explain(&name, &error))??;
    let text = decode(&name, bytes)?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The outer error is the system's, the inner one ours.
fn read_bytes(path: &Path) -> io::Result<Result<Vec<u8>, FileFault>> {
    let name = path.to_string_lossy();
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        let kind = if metadata.is_dir() { "is a directory" } else { "is not a regular file" };
        return Ok(Err(FileFault::new(format!("`{name}` {kind}"))));
    }
    if metadata.len() > SIZE_MAX {
        return Ok(Err(too_large(&name)));
    }
    // Files of the kernel say 0 and others may grow: the limit holds for what is really read.
    let bytes = read_at_most(&file, SIZE_MAX + 1)?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok(if size > SIZE_MAX { Err(too_large(&name)) } else { Ok(bytes) })
}

fn read_at_most(file: &File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn too_large(name: &str) -> FileFault {
    let mib = SIZE_MAX / 1024 / 1024;
    FileFault {
        hint: Some("is this really a configuration file?"),
        ..FileFault::new(format!("`{name}` is larger than {mib} MiB"))
    }
}

fn explain(name: &str, error: &io::Error) -> FileFault {
    if error.kind() == io::ErrorKind::NotFound {
        return FileFault::new(format!("`{name}` does not exist"));
    }
    FileFault::new(format!("`{name}` cannot be read: {error}"))
}

/// Text is UTF-8 without NUL; the place of the first byte that is neither is told.
fn decode(name: &str, bytes: Vec<u8>) -> Result<String, FileFault> {
    let (what, at) = match String::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            None => return Ok(text),
            Some(at) => ("contains a NUL byte, so it is not text", place(name, &text[..at])),
        },
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let valid = error.as_bytes().get(..valid).unwrap_or_default();
            ("is not UTF-8 text", place(name, &String::from_utf8_lossy(valid)))
        }
    };
    Err(FileFault { place: Some(at), ..FileFault::new(format!("`{name}` {what}")) })
}

/// The place that follows `before`.
fn place(name: &str, before: &str) -> Place {
    let last = before.rsplit('\n').next().unwrap_or_default();
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    Place {
        source: name.to_owned(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(last.chars().count() + 1).unwrap_or(u32::MAX),
    }
}
