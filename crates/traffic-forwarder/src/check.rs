//! `check`: reports all problems of the configuration, as text or as JSON.

use crate::cli::Check;
use crate::exit::Exit;
use crate::output::{say, say_json};
use crate::{complain, complain_of};
use host::UserError;
use plan::counted;
use plan::{Location, Problem, Reading, Severity};
use serde::Serialize;

/// The JSON report, for editors and continuous integration.
#[derive(Serialize)]
struct Checked {
    /// True if there are neither errors nor warnings.
    ok: bool,
    /// Number of forwards; `None` if the configuration cannot be run.
    forwards: Option<usize>,
    listeners: Option<usize>,
    /// Number of all problems. `problems` lists at most as many as `plan` collects.
    total: usize,
    problems: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    /// `error`, or `warning`: the line is skipped and the rest runs.
    level: String,
    /// `None` for problems outside a file: the command line or the host.
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    message: String,
    hint: Option<String>,
}

/// Succeeds only without errors and warnings, and only if the configured users exist on this host.
pub(crate) fn run(Check { source, json }: Check) -> Exit {
    let reading = plan::read(&source.input());
    let is_flawless = reading.problems.is_empty();
    let plan = reading.plan.as_ref().filter(|_| is_flawless);
    let unfit = plan.and_then(|plan| host::find_user(plan).err());
    let printed = if json {
        say_json(&checked(&reading, unfit.as_ref()))
    } else {
        print_text(&reading, unfit.as_ref())
    };
    match unfit {
        None if is_flawless => printed,
        _ => Exit::Usage,
    }
}

fn print_text(reading: &Reading, unfit: Option<&UserError>) -> Exit {
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

/// A problem of the host has no position in a file.
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

/// Returns the numbers of forwards and listeners.
fn sizes(reading: &Reading) -> Option<(usize, usize)> {
    let forwards = &reading.plan.as_ref()?.forwards;
    Some((forwards.len(), forwards.iter().map(|forward| forward.routes.len()).sum()))
}
