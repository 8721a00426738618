//! The log: events become lines, and lines go to standard error, to another stream or to a file.
//!
//! While the journal runs, only its thread writes. Other threads queue their lines and never wait for
//! a disk.

mod escape;
mod fields;
mod file;
mod form;
mod line;
mod line_queue;
mod other_writers;
mod output;
mod stream;

pub use other_writers::other_writers;
pub use output::{DestinationChange, LogError, PreviousOutput, as_errors, try_log_file};

use flow::Time;
use form::Form;
use line::Line;
use line_queue::LineQueue;
use output::Output;
use plan::LogFormat;
use serde::Serialize;
use std::fmt;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

/// Starts logging with the plan's settings. Only the first call has an effect.
///
/// # Errors
///
/// If the log file cannot be opened.
pub fn start_log(log: &plan::Log) -> Result<(), LogError> {
    set_level(log.level);
    let output = Output::open(log)?;
    subscribe(LOG.get_or_init(|| Log::new(output)));
    Ok(())
}

/// Continues the log of the previous process image. Lines are queued until the journal starts, so no
/// session waits for them. Returns a change of the log's destination, if there is one.
pub fn resume_log(
    log: &plan::Log,
    previous: PreviousOutput,
    lines: Vec<String>,
) -> Option<DestinationChange> {
    set_level(log.level);
    let (output, change) = Output::resume(log, previous);
    let log = LOG.get_or_init(|| Log::new(output));
    log.queue.hold();
    log.queue.put_back(lines);
    subscribe(log);
    change
}

fn subscribe(log: &'static Log) {
    // A second subscriber is refused: the first one stays.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(Lines(log)));
}

/// The most verbose level that is written. A reload may change it.
static LEVEL: AtomicU8 = AtomicU8::new(plan::Level::Info as u8);

/// Sets the most verbose level that is written.
pub fn set_level(level: plan::Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
    // Call sites cache whether they are enabled.
    tracing::callsite::rebuild_interest_cache();
}

fn level() -> Level {
    match LEVEL.load(Ordering::Relaxed) {
        0 => Level::ERROR,
        1 => Level::WARN,
        2 => Level::INFO,
        3 => Level::DEBUG,
        _ => Level::TRACE,
    }
}

/// The log of the process. There is one, as there is one standard error.
static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    form: Form,
    output: Mutex<Output>,
    queue: LineQueue,
}

impl Log {
    fn new(output: Output) -> Self {
        Self { form: output.form(), output: Mutex::new(output), queue: LineQueue::default() }
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        // A panic during a write leaves at worst an incomplete line.
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, line: Line) {
        if let Some(line) = self.queue.offer(line.end()) {
            let mut output = self.output();
            output.write(&line);
            // The writing thread flushes after the last line of a batch.
            if !line_queue::writes() {
                output.flush();
            }
        }
    }

    fn write_queued(&self) {
        let (lines, reopen) = self.queue.take();
        let mut output = self.output();
        if reopen {
            output.reopen();
        }
        for line in &lines {
            output.write(line);
        }
    }
}

struct Lines(&'static Log);

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= level()
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(level().into())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::now(self.0.form, *event.metadata().level());
        event.record(&mut line);
        self.0.write(line);
    }
}

/// Whether the log writes lines of this level.
pub fn is_on(at: Level) -> bool {
    at <= level()
}

/// Writes a line of this level with the fields of `event`.
pub fn write(at: Level, message: &impl fmt::Display, event: &impl Serialize) {
    write_with(at, message, event, None);
}

/// Likewise, with another number in front.
pub(crate) fn write_with(
    at: Level,
    message: &impl fmt::Display,
    event: &impl Serialize,
    number: Option<(&'static str, usize)>,
) {
    let Some(log) = LOG.get().filter(|_| is_on(at)) else { return };
    let mut line = Line::now(log.form, at);
    if let Some((name, number)) = number {
        line.plain(name, number);
    }
    line.fields(event);
    line.message(message);
    log.write(line);
}

/// The form in which session records are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordForm {
    /// All fields, as JSON.
    Json,
    /// A line of text without usual values.
    Text,
    /// A line of text that fits into a row of a terminal.
    Row,
}

/// The form of session records in this log.
pub fn record_form() -> RecordForm {
    match LOG.get().map(|log| log.form) {
        Some(form) if form.format == LogFormat::Json => RecordForm::Json,
        Some(form) if form.is_short() => RecordForm::Row,
        _ => RecordForm::Text,
    }
}

/// Opens the log file again at its path, after a rotation by another program.
pub fn reopen() {
    let Some(log) = LOG.get() else { return };
    if !log.queue.ask_to_reopen() {
        log.output().reopen();
    }
}

/// Guard: while it exists, its thread writes the lines of all threads.
pub struct Writing {
    log: &'static Log,
    /// Whether lines are queued for the next writing thread when this one ends.
    holds: bool,
}

/// Makes this thread write the lines of all threads. `wake` is called when lines are queued. `None`
/// without a log.
pub fn begin_writing(wake: impl Fn() + Send + 'static) -> Option<Writing> {
    let log = LOG.get()?;
    stream::give_up_after(None);
    log.queue.begin(Box::new(wake));
    Some(Writing { log, holds: false })
}

/// Limits the total time that the writing thread waits for the reader of standard error; lines not
/// written until then are lost. `None` removes the limit.
pub fn give_up_after(limit: Option<Duration>) {
    stream::give_up_after(limit);
}

impl Writing {
    /// Writes the lines queued by other threads.
    pub fn write_queued(&self) {
        self.log.write_queued();
    }

    /// Writes the batch to the destination.
    pub fn flush(&self) {
        self.log.output().flush();
    }

    /// Ends writing on this thread; further lines are queued for the next writing thread.
    pub fn hold(mut self) {
        self.holds = true;
    }
}

impl Drop for Writing {
    /// Makes each thread write its own lines, or queue them after [`Self::hold`].
    fn drop(&mut self) {
        if self.holds {
            // New lines are queued; earlier ones are still written.
            self.log.queue.hold();
        } else {
            self.log.queue.end();
        }
        self.write_queued();
        self.flush();
        line_queue::write_no_more();
    }
}

/// Writes the queued lines, and makes every thread write its own, since there is no journal.
pub fn write_without_journal() {
    let Some(log) = LOG.get() else { return };
    log.queue.end();
    log.write_queued();
    log.output().flush();
}

/// Takes the queued lines, for the next process image.
pub fn take_queued() -> Vec<String> {
    LOG.get().map(|log| log.queue.take().0.into()).unwrap_or_default()
}

/// Queues these lines again, after execve(2) has failed.
pub fn put_back(lines: Vec<String>) {
    if let Some(log) = LOG.get() {
        log.queue.put_back(lines);
    }
}

/// State of the log for the next process image, which becomes its [`PreviousOutput`].
pub struct LogHandoff {
    /// The descriptor of the log file or stream; `None` for standard error.
    pub file: Option<u32>,
    /// Lines lost since the last one that was written.
    pub lost: u64,
    /// Whether the last write to standard error ended within a line.
    pub mid_line: bool,
}

/// Sets whether the log file stays open across execve(2). Call it when no thread writes.
pub fn keep_over_exec(keep: bool) -> sys::Result<LogHandoff> {
    let Some(log) = LOG.get() else {
        return Ok(LogHandoff { file: None, lost: 0, mid_line: false });
    };
    let output = log.output();
    let (file, lost, mid_line) = output.state();
    if let Some(file) = file {
        if keep { sys::handoff::keep_over_exec(file)? } else { sys::handoff::close_on_exec(file)? }
    }
    let number = file.and_then(|file| u32::try_from(file.as_raw_fd()).ok());
    Ok(LogHandoff { file: number, lost, mid_line })
}

/// Numbers of lines lost since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Lines for which the queue had no room.
    pub queue_full: u64,
    /// Lines that could not be written.
    pub write_failed: u64,
    /// The time of the last loss.
    pub last: Option<Time>,
}

static QUEUE_FULL: AtomicU64 = AtomicU64::new(0);
static WRITE_FAILED: AtomicU64 = AtomicU64::new(0);
/// Time of the last loss, in microseconds of the monotonic clock; 0 is never.
static LAST_LOST: AtomicU64 = AtomicU64::new(0);

/// Returns the numbers of lost lines.
pub fn dropped() -> Dropped {
    Dropped {
        queue_full: QUEUE_FULL.load(Ordering::Relaxed),
        write_failed: WRITE_FAILED.load(Ordering::Relaxed),
        last: match LAST_LOST.load(Ordering::Relaxed) {
            0 => None,
            at => Some(Time::from_micros(at)),
        },
    }
}

/// Adds the losses of the previous process image.
pub fn restore_dropped(before: Dropped) {
    QUEUE_FULL.fetch_add(before.queue_full, Ordering::Relaxed);
    WRITE_FAILED.fetch_add(before.write_failed, Ordering::Relaxed);
    LAST_LOST.fetch_max(before.last.map_or(0, Time::as_micros), Ordering::Relaxed);
}

/// Counts lines for which a queue had no room.
pub fn count_queue_full(lines: u64) {
    if lines > 0 {
        count(&QUEUE_FULL, lines);
    }
}

/// Counts lines that could not be written.
fn count_write_failed(lines: u64) {
    count(&WRITE_FAILED, lines);
}

fn count(lost: &AtomicU64, lines: u64) {
    lost.fetch_add(lines, Ordering::Relaxed);
    LAST_LOST.store(sys::monotonic_micros(), Ordering::Relaxed);
}

/// A duration as a field of the log: seconds, rounded to the millisecond.
pub fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_to_the_millisecond() {
        for (time, expected) in [
            (Duration::from_nanos(4_999_984_918), 5.0),
            (Duration::from_nanos(38_257), 0.0),
            (Duration::from_micros(1_234_567), 1.235),
            (Duration::from_secs(86_400), 86_400.0),
        ] {
            assert!((seconds(time) - expected).abs() < f64::EPSILON, "{time:?}");
        }
    }
}
