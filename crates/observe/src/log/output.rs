//! The destination of lines, with batching, and with counting and reporting of failed writes.

use super::file::{self, LogFile, LogFileError};
use super::form::{Form, Reader};
use super::line::Line;
use super::line_queue;
use super::stream::{Stream, Until};
use plan::LogFormat;
use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use sys::FileId;
use tracing::Level;

/// Maximum size of a batch of lines, in bytes.
const BATCH: usize = 32 * 1024;
/// Minimum interval between two reports of a failing log file.
const PAUSE: Duration = Duration::from_secs(60);
/// The message of a line that marks the position of lines that the log file has not taken.
const FILE_GAP: &str = "lines were lost: the log file could not be written";

/// The log file could not be opened.
#[derive(Debug)]
pub struct LogError {
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, error } = self;
        let remedy = match error.kind() {
            io::ErrorKind::IsADirectory => "name a file in it",
            _ => "create its directory, and let this user write to both",
        };
        let (path, error) = (path.display().to_string(), flow::error_text(error));
        write!(
            f,
            "cannot open the log file `{}` for appending: {error} ({remedy}, or change `file` in \
             [log]; without it the log goes to standard error)",
            path.escape_debug()
        )
    }
}

impl std::error::Error for LogError {}

impl LogError {
    /// Whether permissions of the file or of a directory are the cause.
    pub fn is_denial(&self) -> bool {
        self.error.raw_os_error() == Some(sys::Errno::ACCESS.raw_os_error())
    }
}

/// Opens the log file as at the start, and closes it. Creates a missing file.
pub fn try_log_file(path: &Path) -> Result<(), LogError> {
    let opened = match file::open_stream(path) {
        Ok(None) => file::open(path).map(drop),
        opened => opened.map(drop),
    };
    opened.map_err(|error| LogError { path: path.to_owned(), error })
}

/// The destination of lines: the log file or a stream.
pub(super) struct Output {
    form: Form,
    /// `None`: lines go to the stream.
    file: Option<LogFile>,
    /// Standard error, or what `file` of [log] names if that is a stream. With a file, it gets the
    /// reports of its errors.
    stream: Stream,
    /// Lines that are not written yet, and their number.
    batch: String,
    lines: u64,
    /// Lines lost since the last one that was written.
    lost: u64,
    reported: Option<Instant>,
}

/// The output's state in the previous process image.
#[derive(Debug, Default)]
pub struct PreviousOutput {
    /// The open log file.
    pub file: Option<File>,
    /// Lines lost since the last one that was written.
    pub lost: u64,
    /// Whether the last write to standard error ended within a line.
    pub mid_line: bool,
}

/// What `file` of [log] names.
enum Destination {
    File(LogFile),
    Stream(File),
}

impl Destination {
    fn open(path: &Path, log: &plan::Log) -> io::Result<Self> {
        match file::open_stream(path)? {
            Some(stream) => Ok(Self::Stream(stream)),
            None => LogFile::open(path, log).map(Self::File),
        }
    }

    fn resume(file: File, path: &Path, log: &plan::Log) -> io::Result<Self> {
        if file::is_stream(&file, path) {
            return Ok(Self::Stream(file));
        }
        LogFile::resume(file, path, log).map(Self::File)
    }

    fn parts(self) -> (Option<LogFile>, Option<File>) {
        match self {
            Self::File(file) => (Some(file), None),
            Self::Stream(stream) => (None, Some(stream)),
        }
    }

    /// The change since the previous process image opened it.
    fn moved(&self) -> Option<DestinationChange> {
        let Self::File(file) = self else { return None };
        file.moved().map(|why| DestinationChange::Moved {
            path: file.path().to_owned(),
            why,
            lacks_directory: file.lacks_directory(),
        })
    }
}

/// The form of lines for a stream, or for a file if there is none.
fn form(format: LogFormat, stream: Option<&Stream>) -> Form {
    let (is_terminal, is_journal) = stream.map_or((false, false), |stream| {
        stream.with(|stream| (stream.is_terminal(), is_journal(stream)))
    });
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let reader = match (is_journal, is_terminal) {
        (true, _) => Reader::Journal,
        (false, true) => Reader::Terminal,
        (false, false) => Reader::Any,
    };
    Form { format, reader, color: is_terminal && !plain }
}

/// Whether a stream is the connection to the journal that the service manager made
/// (`JOURNAL_STREAM`, systemd.exec(5)). A redirected one is not, and children inherit the variable.
fn is_journal(stream: BorrowedFd<'_>) -> bool {
    let Some(FileId { device, inode }) = FileId::of_descriptor(stream) else { return false };
    std::env::var("JOURNAL_STREAM").is_ok_and(|it| it == format!("{device}:{inode}"))
}

/// A change of the log's destination since the previous process image.
#[derive(Debug)]
pub enum DestinationChange {
    /// The path leads to another file than the open one, or to none.
    Moved {
        /// The configured file.
        path: PathBuf,
        /// The difference that was found, or the error.
        why: String,
        /// Whether the file's directory is missing.
        lacks_directory: bool,
    },
    /// The previous image handed no file on, and the path cannot be opened.
    NoFile(LogError),
}

impl fmt::Display for DestinationChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved { path, why, lacks_directory } => {
                let (path, pid) = (path.display().to_string(), std::process::id());
                let remedy = if *lacks_directory {
                    format!("create its directory, then `kill -USR1 {pid}`")
                } else {
                    format!("`kill -USR1 {pid}` opens a new one")
                };
                write!(
                    f,
                    "the log file is no longer at `{}` ({why}): lines still go to the open file; \
                     {remedy}",
                    path.escape_debug()
                )
            }
            Self::NoFile(error) => write!(f, "the log continues on standard error: {error}"),
        }
    }
}

impl DestinationChange {
    /// Logs the change, with its fields.
    pub fn log(&self) {
        match self {
            Self::Moved { path, why, .. } => tracing::warn!(
                file = %path.display(),
                why,
                "the log file was moved: lines still go to the open file; SIGUSR1 opens a new one"
            ),
            Self::NoFile(error) => tracing::error!(%error, "the log continues on standard error"),
        }
    }
}

impl Output {
    pub(super) fn open(log: &plan::Log) -> Result<Self, LogError> {
        let opened = log.file.as_deref().map(|path| {
            let opened = Destination::open(path, log);
            opened.map_err(|error| LogError { path: path.to_owned(), error })
        });
        let (file, stream) = opened.transpose()?.map_or((None, None), Destination::parts);
        Ok(Self::with(log.format, file, Stream::resume(stream, false)))
    }

    fn with(format: LogFormat, file: Option<LogFile>, stream: Stream) -> Self {
        let form = form(format, file.is_none().then_some(&stream));
        Self { form, file, stream, batch: String::new(), lines: 0, lost: 0, reported: None }
    }

    /// The form of lines for this destination.
    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Continues at the destination of the previous image. Without its file, opens the path; if that
    /// fails too, lines go to standard error.
    pub(super) fn resume(
        log: &plan::Log,
        previous: PreviousOutput,
    ) -> (Self, Option<DestinationChange>) {
        let PreviousOutput { file, lost, mid_line } = previous;
        let opened = log.file.as_deref().map(|path| {
            let opened = match file {
                Some(file) => Destination::resume(file, path, log),
                None => Destination::open(path, log),
            };
            opened.map_err(|error| LogError { path: path.to_owned(), error })
        });
        let (destination, change) = match opened {
            None => (None, None),
            Some(Ok(destination)) => {
                let change = destination.moved();
                (Some(destination), change)
            }
            Some(Err(error)) => (None, Some(DestinationChange::NoFile(error))),
        };
        let (file, stream) = destination.map_or((None, None), Destination::parts);
        let stream = Stream::resume(stream, mid_line);
        (Self { lost, ..Self::with(log.format, file, stream) }, change)
    }

    /// State for the next image: the open file or stream, the number of lost lines, and whether the
    /// stream ended within a line.
    pub(super) fn state(&self) -> (Option<&File>, u64, bool) {
        let file = self.file.as_ref().map(LogFile::file).or(self.stream.file());
        (file, self.lost, self.stream.is_mid_line())
    }

    /// Adds a line, including its newline, to the batch, which [`Self::flush`] writes.
    pub(super) fn write(&mut self, line: &str) {
        // A batch must fit into a file: rotation happens between batches.
        let limit = self.file.as_ref().and_then(LogFile::limit);
        let limit = limit.map_or(BATCH as u64, |limit| limit.min(BATCH as u64));
        if (self.batch.len() + line.len()) as u64 > limit {
            self.flush();
        }
        self.batch.push_str(line);
        self.lines += 1;
    }

    /// Writes the batch. Lines that cannot be written are counted.
    pub(super) fn flush(&mut self) {
        if self.lines > 0 {
            let (batch, lines) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.lines));
            self.write_batch(&batch, lines);
            // The allocation is reused.
            self.batch = batch;
            self.batch.clear();
        }
    }

    fn write_batch(&mut self, batch: &str, lines: u64) {
        let Some(file) = &mut self.file else {
            return self.write_to_stream(batch, lines);
        };
        let rotated = file.rotate_if_due(batch.len() as u64);
        let gap = gap(self.form, self.lost, FILE_GAP);
        let written = if self.lost == 0 { Ok(()) } else { file.append(&gap) };
        let written = written.and_then(|()| {
            self.lost = 0;
            file.append(batch)
        });
        let error = rotated.err().or(written.as_ref().err().cloned());
        self.count(if written.is_ok() { 0 } else { lines });
        if let Some(error) = error {
            self.report(&error);
        }
    }

    fn write_to_stream(&mut self, batch: &str, lines: u64) {
        let until = if line_queue::writes() { Until::GivenUp } else { self.stream.others_wait() };
        if self.lost > 0 {
            let message = match self.stream.file() {
                None => "lines were lost: standard error could not be written",
                Some(_) => FILE_GAP,
            };
            let gap = gap(self.form, self.lost, message);
            if self.stream.write(&gap, until) < gap.len() {
                return self.count(lines);
            }
            self.lost = 0;
        }
        let written = self.stream.write(batch, until);
        let whole = batch.as_bytes()[..written].split_inclusive(|byte| *byte == b'\n');
        let whole = whole.filter(|line| line.ends_with(b"\n")).count();
        self.count(lines.saturating_sub(whole as u64));
    }

    /// Opens the log file again at its path.
    pub(super) fn reopen(&mut self) {
        self.flush();
        if let Some(Err(error)) = self.file.as_mut().map(LogFile::reopen) {
            // The operator waits for the result, so it is not rate-limited.
            self.reported = None;
            self.report(&error);
        }
    }

    fn count(&mut self, lost: u64) {
        if lost > 0 {
            self.lost += lost;
            super::count_write_failed(lost);
        }
    }

    /// Reports an error of the log file on standard error, rate-limited. Does not wait for a reader,
    /// since the file may work again before it reads.
    fn report(&mut self, error: &LogFileError) {
        if self.reported.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        self.reported = Some(Instant::now());
        let mut line = Line::now(form(self.form.format, Some(&self.stream)), Level::ERROR);
        line.message(format_args!("the log file failed: {error}"));
        line.plain("lost", self.lost);
        self.stream.write(&line.end(), Until::now());
    }
}

/// Puts the priority of an error in front of each line, if standard error is the journal.
pub fn as_errors(text: &str) -> Cow<'_, str> {
    if !is_journal(io::stderr().as_fd()) {
        return text.into();
    }
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.flat_map(|line| ["<3>", line, "\n"]).collect::<String>().into()
}

/// A line that marks the position of lost lines.
fn gap(form: Form, lost: u64, message: &str) -> String {
    let mut line = Line::now(form, Level::WARN);
    line.message(format_args!("{message}"));
    line.plain("lost", lost);
    line.end()
}
