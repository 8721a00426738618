//! Results as tables, and promises about our own forwarder.

use std::time::Duration;

use crate::failure::Result;

/// One case: a row for each program.
#[derive(Debug)]
pub(crate) struct Table {
    /// Empty where a section has one table.
    pub(crate) title: String,
    pub(crate) columns: &'static [&'static str],
    pub(crate) rows: Vec<(String, Vec<String>)>,
}

/// A group of cases.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// How the cases are played.
    pub(crate) text: &'static str,
    pub(crate) tables: Vec<Table>,
    pub(crate) goals: Vec<Goal>,
}

/// A promise about our own forwarder, and the result.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) promise: String,
    pub(crate) result: String,
    pub(crate) is_met: bool,
}

/// The cells of a row. A failure takes the place of the first one.
pub(crate) fn cells<T>(
    result: &Result<T>,
    columns: &[&str],
    of: impl Fn(&T) -> Vec<String>,
) -> Vec<String> {
    match result {
        Ok(row) => of(row),
        Err(failure) => {
            let mut cells = vec!["–".to_owned(); columns.len()];
            cells[0] = failure.to_string().replace(['\n', '|'], " ");
            cells
        }
    }
}

/// A duration with a precision that the measurement has.
pub(crate) fn time(time: Duration) -> String {
    if time < Duration::from_millis(10) {
        format!("{:.1} ms", time.as_secs_f64() * 1000.0)
    } else if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// The time until the first client was served.
pub(crate) fn served_after(time_until: Option<Duration>, limit: Duration) -> String {
    time_until.map_or_else(|| format!("**not within {} s**", limit.as_secs()), time)
}
