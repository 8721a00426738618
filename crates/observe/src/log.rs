//! The log: events become lines, and lines go to standard error or to a file.
//!
//! From the start of the journal until its end, its thread alone writes: whoever else has something
//! to say hands it over, and never waits for a disk.

mod escape;
mod fields;
mod file;
mod handover;
mod line;
mod other_writers;
mod output;
mod stream;

pub use other_writers::other_writers;
pub use output::LogError;
pub use output::{Amiss, Left, try_log_file};

use flow::Time;
use handover::Handover;
use line::{Form, Line};
use output::Output;
use serde::Serialize;
use std::fmt;
use std::io::IsTerminal;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

/// Starts logging as the plan says. Only the first call has an effect.
pub fn start_log(log: &plan::Log) -> Result<(), LogError> {
    set_level(log.level);
    let form = form(log);
    let output = Output::open(log, form)?;
    subscribe(LOG.get_or_init(|| Log::new(form, output)));
    Ok(())
}

/// Continues the log of the previous process image. Lines are queued until the journal starts, so no
/// session waits for them. Returns the problem, if the log's place has changed.
pub fn resume_log(log: &plan::Log, left: Left, lines: Vec<String>) -> Option<Amiss> {
    set_level(log.level);
    let form = form(log);
    let (output, amiss) = Output::resume(log, form, left);
    let log = LOG.get_or_init(|| Log::new(form, output));
    log.handover.hold();
    log.handover.put_back(lines);
    subscribe(log);
    amiss
}

fn form(log: &plan::Log) -> Form {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let color = log.file.is_none() && !plain && std::io::stderr().is_terminal();
    Form { format: log.format, color }
}

fn subscribe(log: &'static Log) {
    // A second subscriber is refused: the first one stays.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(Lines(log)));
}

/// The least important level that is written; a reload may change it.
static LEVEL: AtomicU8 = AtomicU8::new(plan::Level::Info as u8);

/// Changes the level of what is written from now on.
pub fn set_level(level: plan::Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
    // It is known by heart at every place that logs.
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

/// What is written to. The process has one log, as it has one standard error.
static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    form: Form,
    output: Mutex<Output>,
    handover: Handover,
}

impl Log {
    fn new(form: Form, output: Output) -> Self {
        Self { form, output: Mutex::new(output), handover: Handover::default() }
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        // A thread that panicked while it wrote has left at worst a line undone.
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, line: Line) {
        if let Some(line) = self.handover.offer(line.end()) {
            let mut output = self.output();
            output.write(&line);
            // The writing thread has more lines to come, and flushes after the last one.
            if !handover::writes() {
                output.flush();
            }
        }
    }

    fn write_what_was_handed_over(&self) {
        let (lines, reopen) = self.handover.take();
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
        let mut line = self.0.form.line(*event.metadata().level());
        event.record(&mut line);
        self.0.write(line);
    }
}

/// Whether lines of this level are written.
pub fn is_on(at: Level) -> bool {
    at <= level()
}

/// Writes a line of this level with the fields of `event`.
pub fn write(at: Level, message: &impl fmt::Display, event: &impl Serialize) {
    let Some(log) = LOG.get().filter(|_| is_on(at)) else { return };
    let mut line = log.form.line(at);
    line.fields(event);
    line.message(message);
    log.write(line);
}

/// Begins the file anew: somebody has moved it away.
pub fn reopen() {
    let Some(log) = LOG.get() else { return };
    if !log.handover.ask_to_reopen() {
        log.output().reopen();
    }
}

/// While this lives, its thread is the one that writes.
pub struct Writing {
    log: &'static Log,
    /// Whether lines are queued for the next writing thread when this one ends.
    holds: bool,
}

/// From now on this thread is the one that writes; `wake` is called when it has something to.
pub fn begin_writing(wake: impl Fn() + Send + 'static) -> Option<Writing> {
    let log = LOG.get()?;
    stream::give_up_after(None);
    log.handover.begin(Box::new(wake));
    Some(Writing { log, holds: false })
}

/// Limits the total time that the writing thread waits for the reader of standard error; lines not
/// written until then are lost. `None` removes the limit.
pub fn give_up_after(limit: Option<Duration>) {
    stream::give_up_after(limit);
}

impl Writing {
    /// Writes what other threads have handed over.
    pub fn write_handed_over(&self) {
        self.log.write_what_was_handed_over();
    }

    /// Nothing more is to be written for now: what was goes to where it belongs.
    pub fn flush(&self) {
        self.log.output().flush();
    }

    /// Ends writing on this thread; further lines are queued for the next writing thread.
    pub fn hold(mut self) {
        self.holds = true;
    }
}

impl Drop for Writing {
    /// From now on each thread writes its own lines, or queues them ([`Self::hold`]).
    fn drop(&mut self) {
        if self.holds {
            // New lines are queued; earlier ones are still written.
            self.log.handover.hold();
        } else {
            self.log.handover.end();
        }
        self.write_handed_over();
        self.flush();
        handover::write_no_more();
    }
}

/// Makes every thread write its own lines, since there is no journal, and writes the queued ones.
pub fn write_without_journal() {
    let Some(log) = LOG.get() else { return };
    log.handover.end();
    log.write_what_was_handed_over();
    log.output().flush();
}

/// Takes the queued lines, for the next image.
pub fn take_waiting() -> Vec<String> {
    LOG.get().map(|log| log.handover.take().0.into()).unwrap_or_default()
}

/// Queues these lines again, since the next image could not be executed.
pub fn put_back(lines: Vec<String>) {
    if let Some(log) = LOG.get() {
        log.handover.put_back(lines);
    }
}

/// State of the log for the next image.
pub struct Kept {
    /// The descriptor of the log file.
    pub file: Option<u32>,
    /// As in [`Left`].
    pub lost: u64,
    /// Likewise.
    pub mid_line: bool,
}

/// Sets whether the log file stays open over execve(2). Call it when no thread writes.
pub fn keep_over_exec(keep: bool) -> sys::Result<Kept> {
    let Some(log) = LOG.get() else { return Ok(Kept { file: None, lost: 0, mid_line: false }) };
    let output = log.output();
    let (file, lost, mid_line) = output.left();
    if let Some(file) = file {
        if keep { sys::handoff::keep_over_exec(file)? } else { sys::handoff::close_on_exec(file)? }
    }
    let number = file.and_then(|file| u32::try_from(file.as_raw_fd()).ok());
    Ok(Kept { file: number, lost, mid_line })
}

/// Lines that were lost since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Too many waited to be written.
    pub queue_full: u64,
    /// They could not be written.
    pub write_failed: u64,
    /// When the last of them was lost.
    pub last: Option<Time>,
}

static QUEUE_FULL: AtomicU64 = AtomicU64::new(0);
static WRITE_FAILED: AtomicU64 = AtomicU64::new(0);
/// On the monotonic clock, in microseconds; 0 is never.
static LAST_LOST: AtomicU64 = AtomicU64::new(0);

/// Lines that were lost since the start.
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

/// Goes on from what another image of this process had lost.
pub fn go_on_from(before: Dropped) {
    QUEUE_FULL.fetch_add(before.queue_full, Ordering::Relaxed);
    WRITE_FAILED.fetch_add(before.write_failed, Ordering::Relaxed);
    LAST_LOST.fetch_max(before.last.map_or(0, Time::as_micros), Ordering::Relaxed);
}

/// Counts lines for which there was no room in a queue.
pub fn count_queue_full(lines: u64) {
    count(&QUEUE_FULL, lines);
}

/// Counts lines that could not be written.
fn count_write_failed(lines: u64) {
    count(&WRITE_FAILED, lines);
}

fn count(lost: &AtomicU64, lines: u64) {
    lost.fetch_add(lines, Ordering::Relaxed);
    LAST_LOST.store(sys::monotonic_micros(), Ordering::Relaxed);
}

/// A time as a field of the log: seconds, to the millisecond.
pub fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_logged_to_the_millisecond() {
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
