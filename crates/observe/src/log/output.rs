//! The destination of lines, with batching, and with counting and reporting of failed writes.

use super::file::{self, LogFile, LogFileError};
use super::line::Form;
use super::line_queue;
use super::stream::{Stream, Until};
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tracing::Level;

/// Maximum size of a batch of lines, in bytes.
const BATCH: usize = 32 * 1024;
/// Minimum interval between two reports of a failing log file.
const PAUSE: Duration = Duration::from_secs(60);

/// The log file could not be opened.
#[derive(Debug)]
pub struct LogError {
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, error } = self;
        let path = path.display().to_string();
        write!(
            f,
            "cannot open the log file `{}` for appending: {error} (create its directory, and let \
             this user write to both, or change `file` in [log]; without it the log goes to standard \
             error)",
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
    let opened = file::open(path).map(drop);
    opened.map_err(|error| LogError { path: path.to_owned(), error })
}

/// The destination of lines: the log file or standard error.
pub(super) struct Output {
    form: Form,
    /// `None` is standard error.
    file: Option<LogFile>,
    stderr: Stream,
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
    pub(super) fn open(log: &plan::Log, form: Form) -> Result<Self, LogError> {
        let open = |path: &PathBuf| {
            LogFile::open(path, log).map_err(|error| LogError { path: path.clone(), error })
        };
        let file = log.file.as_ref().map(open).transpose()?;
        Ok(Self::with(form, file))
    }

    fn with(form: Form, file: Option<LogFile>) -> Self {
        let stderr = Stream::default();
        Self { form, file, stderr, batch: String::new(), lines: 0, lost: 0, reported: None }
    }

    /// Continues at the destination of the previous image. Without its file, opens the path; if that
    /// fails too, lines go to standard error.
    pub(super) fn resume(
        log: &plan::Log,
        form: Form,
        previous: PreviousOutput,
    ) -> (Self, Option<DestinationChange>) {
        let PreviousOutput { file, lost, mid_line } = previous;
        let opened = log.file.as_ref().map(|path| {
            let opened = match file {
                Some(file) => LogFile::resume(file, path, log),
                None => LogFile::open(path, log),
            };
            opened.map_err(|error| LogError { path: path.clone(), error })
        });
        let (file, change) = match opened {
            None => (None, None),
            Some(Ok(file)) => {
                let change = file.moved().map(|why| DestinationChange::Moved {
                    path: file.path().to_owned(),
                    why,
                    lacks_directory: file.lacks_directory(),
                });
                (Some(file), change)
            }
            Some(Err(error)) => (None, Some(DestinationChange::NoFile(error))),
        };
        (Self { stderr: Stream::resume(mid_line), lost, ..Self::with(form, file) }, change)
    }

    /// State for the next image: the open file, the number of lost lines, and whether standard error
    /// ended within a line.
    pub(super) fn state(&self) -> (Option<&File>, u64, bool) {
        (self.file.as_ref().map(LogFile::file), self.lost, self.stderr.is_mid_line())
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
            return self.write_to_stderr(batch, lines);
        };
        let rotated = file.rotate_if_due(batch.len() as u64);
        let gap = gap(self.form, self.lost, "lines were lost: the log file could not be written");
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

    fn write_to_stderr(&mut self, batch: &str, lines: u64) {
        let until = if line_queue::writes() { Until::GivenUp } else { self.stderr.others_wait() };
        if self.lost > 0 {
            let gap =
                gap(self.form, self.lost, "lines were lost: standard error could not be written");
            if self.stderr.write(&gap, until) < gap.len() {
                return self.count(lines);
            }
            self.lost = 0;
        }
        let written = self.stderr.write(batch, until);
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
        let mut line = self.form.line(Level::ERROR);
        line.message(format_args!("the log file failed: {error}"));
        line.plain("lost", self.lost);
        self.stderr.write(&line.end(), Until::now());
    }
}

/// A line that marks the position of lost lines.
fn gap(form: Form, lost: u64, message: &str) -> String {
    let mut line = form.line(Level::WARN);
    line.message(format_args!("{message}"));
    line.plain("lost", lost);
    line.end()
}
