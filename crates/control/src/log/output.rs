//! Where lines go, and what is done if they cannot.

use super::file::{self, LogFile, Trouble};
use super::line::Form;
use std::fmt;
use std::io::{self, Write as _};
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
    pub(crate) fn is_denial(&self) -> bool {
        self.error.raw_os_error() == Some(sys::Errno::ACCESS.raw_os_error())
    }
}

/// Opens the log's file as the start does, and closes it. One that is not there is made.
pub(crate) fn try_log_file(path: &Path) -> Result<(), LogError> {
    let opened = file::open(path).map(drop);
    opened.map_err(|error| LogError { path: path.to_owned(), error })
}

/// Where lines go.
pub(super) struct Output {
    form: Form,
    /// `None` is standard error.
    file: Option<LogFile>,
    /// Lines that are not written yet, and how many.
    batch: String,
    lines: u64,
    /// Lines lost since the last one that was written.
    lost: u64,
    complained: Option<Instant>,
}

impl Output {
    pub(super) fn open(log: &plan::Log, form: Form) -> Result<Self, LogError> {
        let open = |path: &PathBuf| {
            LogFile::open(path, log).map_err(|error| LogError { path: path.clone(), error })
        };
        let file = log.file.as_ref().map(open).transpose()?;
        Ok(Self { form, file, batch: String::new(), lines: 0, lost: 0, complained: None })
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
            self.count(stderr(batch), lines);
            return;
        };
        let rotated = file.rotate_if_due(batch.len() as u64);
        let written = if self.lost == 0 { Ok(()) } else { file.append(&gap(self.form, self.lost)) };
        let written = written.and_then(|()| {
            self.lost = 0;
            file.append(batch)
        });
        let trouble = rotated.err().or(written.as_ref().err().cloned());
        self.count(written.is_ok(), lines);
        if let Some(trouble) = trouble {
            self.complain(&trouble);
        }
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

    fn count(&mut self, written: bool, lines: u64) {
        if !written {
            self.lost += lines;
            super::count_write_failed(lines);
        }
    }

    /// On standard error: there is no better place left.
    fn complain(&mut self, trouble: &Trouble) {
        if self.complained.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        self.complained = Some(Instant::now());
        let mut line = self.form.line(Level::ERROR);
        line.message(format_args!("the log file is in trouble: {trouble}"));
        line.plain("lost", self.lost);
        stderr(&line.end());
    }
}

/// A line for the place where others are missing.
fn gap(form: Form, lost: u64) -> String {
    let mut line = form.line(Level::WARN);
    line.message("lines were lost: the log file could not be written");
    line.plain("lost", lost);
    line.end()
}

/// In one write, so that lines of several threads do not mix. With standard error gone there is
/// nobody left to tell.
fn stderr(line: &str) -> bool {
    io::stderr().lock().write_all(line.as_bytes()).is_ok()
}
