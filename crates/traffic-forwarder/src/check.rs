//! `check`: every problem of the configuration at once, for people or as JSON.

use crate::cli::Check;
use crate::exit::Exit;
use crate::output::{say, say_json};
use crate::{complain, complain_of};
use host::UserError;
use plan::counted;
use plan::{Location, Problem, Reading, Severity};
use serde::Serialize;

/// What editors and continuous integration read.
#[derive(Serialize)]
struct Checked {
    /// Whether there is no problem at all.
    ok: bool,
    /// What the configuration has; nothing if it cannot be run.
    forwards: Option<usize>,
    listeners: Option<usize>,
    /// How many problems there are; of very many, not all are listed.
    total: usize,
    problems: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    /// `error`, or `warning`: that line is left out.
    level: String,
    /// Nothing if it is not about a file's text.
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    message: String,
    hint: Option<String>,
}

/// Only a configuration without any problem is success, and only if its users are on this host.
pub(crate) fn run(Check { source, json }: Check) -> Exit {
    let reading = plan::read(&source.input());
    let is_flawless = reading.problems.is_empty();
    let plan = reading.plan.as_ref().filter(|_| is_flawless);
    let unfit = plan.and_then(|plan| host::find_user(plan).err());
    let said = if json {
        say_json(&checked(&reading, unfit.as_ref()))
    } else {
        tell(&reading, unfit.as_ref())
    };
    match unfit {
        None if is_flawless => said,
        _ => Exit::Usage,
    }
}

fn tell(reading: &Reading, unfit: Option<&UserError>) -> Exit {
    complain(&reading.problems);
    if let Some(error) = unfit {
        complain_of(error);
        return Exit::Usage;
    }
    match sizes(reading).filter(|_| reading.problems.is_empty()) {
        Some((forwards, listeners)) => say(&format!(
            "ok: {}, {}\n",
            counted(forwards, "forward"),
            counted(listeners, "listener")
        )),
        None => Exit::Usage,
    }
}

fn checked(reading: &Reading, unfit: Option<&UserError>) -> Checked {
    let (forwards, listeners) = sizes(reading).unzip();
    let problems: Vec<_> = reading.problems.iter().map(found).chain(unfit.map(unfit_for)).collect();
    Checked {
        ok: problems.is_empty(),
        forwards,
        listeners,
        total: reading.problems.len() + usize::from(unfit.is_some()),
        problems,
    }
}

/// What is wrong with this host has no place in the file.
fn unfit_for(error: &UserError) -> Found {
    let level = Severity::Error.to_string();
    Found { level, file: None, line: None, column: None, message: error.to_string(), hint: None }
}

fn found(problem: &Problem) -> Found {
    let location = problem.location.as_ref().filter(|location| !location.is_command_line());
    Found {
        level: problem.severity.to_string(),
        file: location.map(|location| location.source.clone()),
        line: location.map(|Location { line, .. }| *line),
        column: location.map(|Location { column, .. }| *column),
        message: problem.message.clone(),
        hint: problem.hint.clone(),
    }
}

/// Forwards and listeners.
fn sizes(reading: &Reading) -> Option<(usize, usize)> {
    let forwards = &reading.plan.as_ref()?.forwards;
    Some((forwards.len(), forwards.iter().map(|forward| forward.routes.len()).sum()))
}
