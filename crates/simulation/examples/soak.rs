//! Runs histories until a time or a number is reached, and prints what they were.
//!
//! `SECONDS` (default 60) and `COUNT` bound the run, `FIRST` is its first seed (default: the time of day).

use simulation::{Totals, explore};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

/// Pause between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(10);

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[expect(clippy::print_stdout, reason = "the progress is the output")]
fn main() -> ExitCode {
    let start = Instant::now();
    let limit = Duration::from_secs(variable("SECONDS").unwrap_or(60));
    let today = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    // Seeds of different runs do not overlap: a run takes less than a million histories a second.
    let first = variable("FIRST").unwrap_or(today * 1_000_000);
    let count = variable("COUNT").unwrap_or(u64::MAX - first);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!("seeds from {first}, {threads} threads");
    let shown = Mutex::new(Instant::now());
    let after_each = |totals: &Totals| {
        if let Ok(mut shown) = shown.lock()
            && shown.elapsed() >= PROGRESS
        {
            *shown = Instant::now();
            println!("{} s: {} histories", start.elapsed().as_secs(), totals.histories);
        }
        start.elapsed() < limit
    };
    match explore(first..first.saturating_add(count), threads, after_each) {
        Ok(totals) => {
            println!("{totals}");
            ExitCode::SUCCESS
        }
        Err(report) => {
            println!("{report}");
            ExitCode::FAILURE
        }
    }
}
