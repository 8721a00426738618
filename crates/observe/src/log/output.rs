//! Where lines go, and what is done if they cannot.

use super::file::{self, LogFile, Trouble};
use super::handover;
use super::line::Form;
use super::stream::{Stream, Until};
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tracing::Level;

/// Lines are written several at a time, as long as they come one after the other and are no more
/// bytes than this.
const BATCH: usize = 32 * 1024;
/// Between two complaints about the log's file.
const PAUSE: Duration = Duration::from_secs(60);

/// The log's file could not be opened.
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
            "cannot open the log file `{}` for appending: {error} (make its directory, and let \
             this user write to both, or change `file` in [log]; without it the log goes to standard \
             error)",
            path.escape_debug()
        )
    }
}

impl std::error::Error for LogError {}

impl LogError {
    /// Whether the permissions of the file or of a directory stand against it.
    pub fn is_denial(&self) -> bool {
        self.error.raw_os_error() == Some(sys::Errno::ACCESS.raw_os_error())
    }
}

/// Opens the log's file as the start does, and closes it. One that is not there is made.
pub fn try_log_file(path: &Path) -> Result<(), LogError> {
    let opened = file::open(path).map(drop);
    opened.map_err(|error| LogError { path: path.to_owned(), error })
}

/// Where lines go.
pub(super) struct Output {
    form: Form,
    /// `None` is standard error.
    file: Option<LogFile>,
    stderr: Stream,
    /// Lines that are not written yet, and how many.
    batch: String,
    lines: u64,
    /// Lines lost since the last one that was written.
    lost: u64,
    complained: Option<Instant>,
}

/// State of the output of the previous image.
#[derive(Debug, Default)]
pub struct Left {
    /// The open log file.
    pub file: Option<File>,
    /// Lines lost since the last one that was written.
    pub lost: u64,
    /// The last write to standard error ended within a line.
    pub mid_line: bool,
}

/// A change of the log's destination since the previous image.
#[derive(Debug)]
pub enum Amiss {
    /// The path leads to another file than the open one, or to none.
    Moved {
        /// The configured file.
        path: PathBuf,
        /// The error of opening it.
        why: String,
        /// Whether its directory is missing.
        lacks_directory: bool,
    },
    /// The previous image handed no file on, and the path cannot be opened.
    NoFile(LogError),
}

impl fmt::Display for Amiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved { path, why, lacks_directory } => {
                let (path, pid) = (path.display().to_string(), std::process::id());
                let remedy = if *lacks_directory {
                    format!("make its directory again, then `kill -USR1 {pid}`")
                } else {
                    format!("`kill -USR1 {pid}` begins a new one")
                };
                write!(
                    f,
                    "the log file is no longer at `{}` ({why}): lines go on to the file that is \
                     open; {remedy}",
                    path.escape_debug()
                )
            }
            Self::NoFile(error) => write!(f, "the log goes on at standard error: {error}"),
        }
    }
}

impl Amiss {
    /// Logs the change.
    pub fn log(&self) {
        match self {
            Self::Moved { path, why, .. } => tracing::warn!(
                file = %path.display(),
                why,
                "the log file was moved: lines go on to the one that is open; SIGUSR1 begins a new one"
            ),
            Self::NoFile(error) => tracing::error!(%error, "the log goes on at standard error"),
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
        Self { form, file, stderr, batch: String::new(), lines: 0, lost: 0, complained: None }
    }

    /// Continues at the destination of the previous image. Without its file, opens the path; if that
    /// fails too, lines go to standard error.
    pub(super) fn resume(log: &plan::Log, form: Form, left: Left) -> (Self, Option<Amiss>) {
        let Left { file, lost, mid_line } = left;
        let opened = log.file.as_ref().map(|path| {
            let opened = match file {
                Some(file) => LogFile::resume(file, path, log),
                None => LogFile::open(path, log),
            };
            opened.map_err(|error| LogError { path: path.clone(), error })
        });
        let (file, amiss) = match opened {
            None => (None, None),
            Some(Ok(file)) => {
                let amiss = file.moved().map(|why| Amiss::Moved {
                    path: file.path().to_owned(),
                    why,
                    lacks_directory: file.lacks_directory(),
                });
                (Some(file), amiss)
            }
            Some(Err(error)) => (None, Some(Amiss::NoFile(error))),
        };
        (Self { stderr: Stream::resume(mid_line), lost, ..Self::with(form, file) }, amiss)
    }

    /// State for the next image: the open file, lines lost, and whether standard error ended within a line.
    pub(super) fn left(&self) -> (Option<&File>, u64, bool) {
        (self.file.as_ref().map(LogFile::file), self.lost, self.stderr.is_mid_line())
    }

    /// Writes a line, with its end: now, or with those that follow, at the next [`Self::flush`].
    pub(super) fn write(&mut self, line: &str) {
        // No batch is larger than a file may be.
        let limit = self.file.as_ref().and_then(LogFile::limit).unwrap_or(BATCH).min(BATCH);
        if self.batch.len() + line.len() > limit {
            self.flush();
        }
        self.batch.push_str(line);
        self.lines += 1;
    }

    /// Writes what has come. Lines that cannot be written are counted.
    pub(super) fn flush(&mut self) {
        if self.lines > 0 {
            let (batch, lines) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.lines));
            self.write_batch(&batch, lines);
            // Its room is used again.
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
        let trouble = rotated.err().or(written.as_ref().err().cloned());
        self.count(if written.is_ok() { 0 } else { lines });
        if let Some(trouble) = trouble {
            self.complain(&trouble);
        }
    }

    fn write_to_stderr(&mut self, batch: &str, lines: u64) {
        let until = if handover::writes() { Until::GivenUp } else { self.stderr.others_wait() };
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

    /// Begins the file anew.
    pub(super) fn reopen(&mut self) {
        self.flush();
        if let Some(Err(trouble)) = self.file.as_mut().map(LogFile::reopen) {
            // It was asked for just now: the answer does not wait.
            self.complained = None;
            self.complain(&trouble);
        }
    }

    fn count(&mut self, lost: u64) {
        if lost > 0 {
            self.lost += lost;
            super::count_write_failed(lost);
        }
    }

    /// Reports on standard error, the only place left, without waiting for its reader: the file may
    /// work again before that reads.
    fn complain(&mut self, trouble: &Trouble) {
        if self.complained.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        self.complained = Some(Instant::now());
        let mut line = self.form.line(Level::ERROR);
        line.message(format_args!("the log file is in trouble: {trouble}"));
        line.plain("lost", self.lost);
        self.stderr.write(&line.end(), Until::now());
    }
}

/// A line for the place where others are missing.
fn gap(form: Form, lost: u64, message: &str) -> String {
    let mut line = form.line(Level::WARN);
    line.message(format_args!("{message}"));
    line.plain("lost", lost);
    line.end()
}
