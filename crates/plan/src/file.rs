//! Reading of the configuration file. The size is bounded, and opening a pipe or a device does not
//! block.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use crate::problem::Location;
use crate::text::saturated;

/// Enough for a hundred thousand forwards, and small enough to reject a log file named by mistake.
const SIZE_MAX: u64 = 16 * 1024 * 1024;

const _: () = assert!(SIZE_MAX < u32::MAX as u64, "lines and columns are counted in 32 bits");

/// The same on every supported architecture. Without it, opening a pipe blocks until a writer
/// comes.
const O_NONBLOCK: i32 = 0o4000;

/// Attempts to read a file that changes during the read.
const ATTEMPTS: u32 = 10;
/// Delay between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

/// Identity and version of a file. Any write or replacement changes it, within the clock resolution
/// of the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// Device of the file system (`st_dev`).
    pub device: u64,
    /// Inode number on that device (`st_ino`).
    pub inode: u64,
    /// Size of the file in bytes.
    pub size: u64,
    /// Last change of the contents (`st_mtime`): seconds since 1970, and nanoseconds.
    pub modified: (i64, i64),
    /// Last change of contents or attributes (`st_ctime`), in the same form. Programs cannot set
    /// it.
    pub changed: (i64, i64),
}

impl FileStamp {
    /// The stamp for a file's metadata.
    pub fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

/// Stamp and hash of a file that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRead {
    /// Stamp of the open descriptor, equal before and after the read.
    pub stamp: FileStamp,
    /// FNV-1a hash of the bytes: distinguishes two writes within one clock tick.
    pub digest: u64,
}

/// Reads the file at `path` and returns its stamp and hash. `None` if it cannot be a configuration
/// file.
pub fn identify(path: &Path) -> io::Result<Option<FileRead>> {
    Ok(read_bytes(path)?.ok().map(|(_, state)| state))
}

fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Reason why a file could not be read.
#[derive(Clone, Debug)]
pub struct FileError {
    /// The problem, with the file name.
    pub message: String,
    pub(crate) hint: Option<&'static str>,
    /// A hint for the file that this command names. A running process reads it again at each reload.
    pub(crate) advice: Option<&'static str>,
    pub(crate) location: Option<Location>,
}

impl FileError {
    fn new(message: String) -> Self {
        Self { message, hint: None, advice: None, location: None }
    }
}

/// Reads a regular file of at most 16 MiB as UTF-8, without a byte order mark.
///
/// The stamp is returned even if the contents are not UTF-8.
pub fn read(path: &Path) -> (Result<String, FileError>, Option<FileRead>) {
    let (decoded, state) = read_lossy(path);
    let text = decoded.and_then(|it| it.fault.map_or(Ok(it.text), Err));
    (text, state)
}

/// The contents of a file, with U+FFFD in place of bytes that are not UTF-8.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// The text, without a byte order mark.
    pub(crate) text: String,
    /// The first bytes that are not UTF-8, as an error for readers that require it.
    pub(crate) fault: Option<FileError>,
}

/// Like [`read`], for files whose comments may be in another encoding.
pub(crate) fn read_lossy(path: &Path) -> (Result<Decoded, FileError>, Option<FileRead>) {
    let name = path.to_string_lossy();
    let (bytes, state) = match read_bytes(path) {
        Ok(Ok(read)) => read,
        Ok(Err(fault)) => return (Err(fault), None),
        Err(error) => return (Err(explain(&name, &error)), None),
    };
    let decoded = decode(&name, bytes).map(|mut it| {
        if it.text.starts_with('\u{feff}') {
            it.text.drain(..'\u{feff}'.len_utf8());
        }
        it
    });
    (decoded, Some(state))
}

/// Directories of this process's descriptors, and the other names of standard input.
const DESCRIPTORS: [&str; 3] = ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"];
const STANDARD_INPUT: [&str; 2] = ["-", "/dev/stdin"];

/// Whether the path is standard input, or a pipe that this process has open, such as one of the shell's `<(...)`: its
/// bytes can be read only once. A named pipe is neither: it may never have a writer.
pub(crate) fn is_stream(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    let is_any = |paths: &[&str], path: &Path| paths.iter().any(|it| Path::new(it) == path);
    let is_open = is_any(&STANDARD_INPUT, path)
        || path.parent().is_some_and(|directory| is_any(&DESCRIPTORS, directory));
    let is_pipe = |file: Metadata| file.file_type().is_fifo();
    path == Path::new("-") || is_open && path.metadata().is_ok_and(is_pipe)
}

/// The name of `-` in messages.
pub(crate) const STANDARD_INPUT_NAME: &str = "standard input";

/// The name of a file in messages.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") {
        STANDARD_INPUT_NAME.to_owned()
    } else {
        path.to_string_lossy().into_owned()
    }
}

/// Reads standard input or an open pipe to its end.
pub(crate) fn read_stream(path: &Path) -> Result<Decoded, FileError> {
    let name = name(path);
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().take(SIZE_MAX + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(SIZE_MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| explain(&name, &error))?;
    if bytes.len() as u64 > SIZE_MAX {
        return Err(too_large(&name));
    }
    decode(&name, bytes)
}

/// Reads a file, an open pipe, or standard input as `-`, for a command that reads it once. Bytes that are not UTF-8
/// become U+FFFD.
pub fn read_once(path: &Path) -> Result<String, FileError> {
    Ok(decode_once(path)?.text)
}

/// Likewise, with the place of bytes that are not UTF-8.
pub(crate) fn decode_once(path: &Path) -> Result<Decoded, FileError> {
    if is_stream(path) { read_stream(path) } else { read_lossy(path).0 }
}

/// Reads a regular file that a configuration names. Bytes that are not UTF-8 become U+FFFD.
pub fn read_other(path: &Path) -> Result<String, FileError> {
    Ok(read_lossy(path).0?.text)
}

/// The outer error is from the operating system, the inner one rejects the file.
fn read_bytes(path: &Path) -> io::Result<Result<(Vec<u8>, FileRead), FileError>> {
    let name = path.to_string_lossy();
    let mut file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        let (kind, advice) = if metadata.is_dir() {
            ("is a directory", "name a file in it")
        } else {
            ("is not a regular file", "write its text to a file, or pipe it to `check -`")
        };
        let fault = FileError::new(format!("`{name}` {kind}"));
        return Ok(Err(FileError { advice: Some(advice), ..fault }));
    }
    if metadata.len() > SIZE_MAX {
        return Ok(Err(too_large(&name)));
    }
    read_whole(&mut file, FileStamp::of(&metadata), &name)
}

/// Reads until the stamp is equal before and after the read, so that a half-written file is never
/// used. On file systems that change the times at each stat(2), two equal reads suffice.
fn read_whole(
    file: &mut File,
    mut before: FileStamp,
    name: &str,
) -> io::Result<Result<(Vec<u8>, FileRead), FileError>> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        file.rewind()?;
        // Files in /proc report size 0, and files can grow: the limit applies to the bytes read.
        let bytes = read_at_most(file, SIZE_MAX + 1)?;
        if bytes.len() as u64 > SIZE_MAX {
            return Ok(Err(too_large(name)));
        }
        let after = FileStamp::of(&file.metadata()?);
        if before == after || last.as_ref() == Some(&bytes) {
            let state = FileRead { stamp: after, digest: digest(&bytes) };
            return Ok(Ok((bytes, state)));
        }
        (last, before) = (Some(bytes), after);
        std::thread::sleep(PAUSE);
    }
    let fault = FileError::new(format!("`{name}` is being written to"));
    let hint = "write a new file and move it over this one, so that none is read in part";
    Ok(Err(FileError { hint: Some(hint), ..fault }))
}

fn read_at_most(file: &File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn too_large(name: &str) -> FileError {
    let mib = SIZE_MAX / 1024 / 1024;
    FileError {
        hint: Some("is this really a configuration file?"),
        ..FileError::new(format!("`{name}` is larger than {mib} MiB"))
    }
}

fn explain(name: &str, error: &io::Error) -> FileError {
    let advice = match error.kind() {
        io::ErrorKind::NotFound if name.starts_with('/') => {
            Some("check the path; one forward needs no file: 18080=127.0.0.1:8080")
        }
        io::ErrorKind::NotFound => Some(
            "check the path, which starts at the present directory; one forward needs no file: \
             18080=127.0.0.1:8080",
        ),
        io::ErrorKind::PermissionDenied => Some("use its owner or group, or sudo"),
        _ => None,
    };
    let message = match error.kind() {
        io::ErrorKind::NotFound => format!("`{name}` does not exist"),
        _ => format!("`{name}` cannot be read: {}", flow::error_text(error)),
    };
    FileError { advice, ..FileError::new(message) }
}

/// Requires text without NUL. Reports the first byte that is not UTF-8.
fn decode(name: &str, bytes: Vec<u8>) -> Result<Decoded, FileError> {
    let fault = |what: &str, before: &str| FileError {
        location: Some(location(name, before)),
        ..FileError::new(format!("`{name}` {what}"))
    };
    let decoded = match String::from_utf8(bytes) {
        Ok(text) => Decoded { text, fault: None },
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let fault = fault("is not UTF-8 text", text.get(..valid).unwrap_or_default());
            Decoded { text, fault: Some(fault) }
        }
    };
    match decoded.text.find('\0') {
        None => Ok(decoded),
        Some(at) => Err(fault("contains a NUL byte, so it is not text", &decoded.text[..at])),
    }
}

/// The location just behind `before`.
fn location(name: &str, before: &str) -> Location {
    let last = before.rsplit('\n').next().unwrap_or_default();
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    Location {
        source: name.to_owned(),
        line: saturated(line),
        column: saturated(last.chars().count() + 1),
    }
}
