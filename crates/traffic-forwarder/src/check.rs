//! `check`: every problem of the configuration at once, for people or as JSON.

use crate::cli::Check;
use crate::exit::Exit;
use crate::output::{say, say_json};
use crate::{complain, many};
use plan::{Place, Problem, Reading};
use serde::Serialize;

/// What editors and continuous integration read.
#[derive(Serialize)]
struct Checked<'a> {
    /// Whether there is no problem at all.
    ok: bool,
    /// What the configuration has; nothing if it cannot be run.
    forwards: Option<usize>,
    listeners: Option<usize>,
    /// How many problems there are; of very many, not all are listed.
    total: usize,
    problems: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    /// `error`, or `warning`: that line is left out.
    level: String,
    /// Nothing if it is not about a file's text.
    file: Option<&'a str>,
    line: Option<u32>,
    column: Option<u32>,
    message: &'a str,
    hint: Option<&'a str>,
}

/// Only a configuration without any problem is success.
pub(crate) fn run(Check { source, json }: Check) -> Exit {
    let reading = plan::read(&source.input());
    let said = if json { say_json(&checked(&reading)) } else { tell(&reading) };
    if reading.problems.is_empty() { said } else { Exit::Usage }
}

fn tell(reading: &Reading) -> Exit {
    complain(&reading.problems);
    match sizes(reading).filter(|_| reading.problems.is_empty()) {
        Some((forwards, listeners)) => {
            say(&format!("ok: {}, {}\n", many(forwards, "forward"), many(listeners, "listener")))
        }
        None => Exit::Usage,
    }
}

fn checked(reading: &Reading) -> Checked<'_> {
    let (forwards, listeners) = sizes(reading).unzip();
    let problems = &reading.problems;
    Checked {
        ok: problems.is_empty(),
        forwards,
        listeners,
        total: problems.len(),
        problems: problems.iter().map(found).collect(),
    }
}

fn found(problem: &Problem) -> Found<'_> {
    let place = problem.place.as_ref().filter(|place| !place.is_command_line());
    Found {
        level: problem.severity.to_string(),
        file: place.map(|place| &*place.source),
        line: place.map(|Place { line, .. }| *line),
        column: place.map(|Place { column, .. }| *column),
        message: &problem.message,
        hint: problem.hint.as_deref(),
    }
}

/// Forwards and listeners.
fn sizes(reading: &Reading) -> Option<(usize, usize)> {
    let forwards = &reading.plan.as_ref()?.forwards;
    Some((forwards.len(), forwards.iter().map(|forward| forward.routes.len()).sum()))
}
