//! `check`: reports all problems of the configuration, as text or as JSON.

use crate::cli::Check;
use crate::exit::Exit;
use crate::output::{say, say_json};
use crate::{complain, warn};
use host::ExposedFile;
use plan::{Location, Plan, Problem, Reading, Severity};
use plan::{counted, escaped};
use serde::Serialize;
use std::path::Path;

/// The JSON report, for editors and continuous integration.
#[derive(Serialize)]
struct Checked {
    /// True if there are neither errors nor warnings.
    ok: bool,
    /// Absolute path of the file that was read; `None` without a file.
    file: Option<String>,
    /// Number of forwards; `None` if the configuration cannot be run.
    forwards: Option<usize>,
    listeners: Option<usize>,
    /// Address of the store that further forwards come from; they are not checked. `None` without `[fleet]`.
    store: Option<String>,
    /// Number of all problems. `problems` lists at most as many as `plan` collects.
    total: usize,
    problems: Vec<Found>,
    /// Files that others may change, if root asks. The configuration can be run all the same.
    warnings: Vec<String>,
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

/// A mistake that shows only on the host: a user, a group or a file of tokens that the process needs, and that this
/// host does not have, or an option that the process may not set.
struct Missing {
    /// `None` for those of `[process]`.
    location: Option<Location>,
    message: String,
}

/// Succeeds only without errors and warnings, and only if the configured users exist on this host,
/// and the file of the admin tokens can be used.
pub(crate) fn run(Check { source, json }: Check) -> Exit {
    let input = source.input_to_read_once();
    let file = input.config.as_deref().map(name_of);
    let reading = plan::read_once(&input);
    let is_flawless = reading.problems.is_empty();
    let plan = reading.plan.as_ref().filter(|_| is_flawless);
    let unknown = plan.map(missing_on_this_host).unwrap_or_default();
    // Another user's own file is no fault: it may be checked here, and run as root elsewhere.
    let of_root = plan.filter(|_| host::own_user() == 0);
    let exposed = of_root.map(host::exposed_files).unwrap_or_default();
    let printed = if json {
        say_json(&checked(file.as_deref(), &reading, &unknown, &exposed))
    } else {
        for file in &exposed {
            warn(&format!("warning: {}\n", escaped(&file.to_string())));
        }
        print_text(file.as_deref(), &reading, &unknown)
    };
    if unknown.is_empty() && is_flawless { printed } else { Exit::Usage }
}

/// The absolute path of a file.
fn name_of(file: &Path) -> String {
    if file == Path::new("-") {
        return "standard input".to_owned();
    }
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned()).to_string_lossy().into_owned()
}

fn missing_on_this_host(plan: &Plan) -> Vec<Missing> {
    let user = host::find_user(plan).err();
    let user = user.map(|error| Missing { location: None, message: error.to_string() });
    let owners = host::find_socket_owners(&mut plan.clone());
    let owners = owners
        .into_iter()
        .map(|owner| Missing { message: owner.message(), location: Some(owner.location) });
    let of_process = |message: String| Missing { location: None, message };
    let group = host::admin_rights(&plan.process).err();
    let group = group.map(|error| of_process(format!("`admin_group` in [process]: {error}")));
    // As nginx -t does: the process does not start without them.
    let tokens = host::token_fault_of(plan).map(|error| of_process(error.to_string()));
    let lost = host::options_lost_with_user(plan).into_iter();
    let lost = lost.map(|(location, message)| Missing { location: Some(location), message });
    user.into_iter().chain(group).chain(tokens).chain(owners).chain(lost).collect()
}

fn print_text(file: Option<&str>, reading: &Reading, unknown: &[Missing]) -> Exit {
    complain(&reading.problems);
    for Missing { location, message } in unknown {
        let place = location.as_ref().map(|location| format!("{location}: "));
        warn(&format!("error: {}{message}\n", place.unwrap_or_default()));
    }
    match sizes(reading).filter(|_| reading.problems.is_empty() && unknown.is_empty()) {
        Some((forwards, listeners)) => say(&format!(
            "ok: {}{}, {}{}\n",
            file.map(|file| format!("{}: ", escaped(file))).unwrap_or_default(),
            counted(forwards, "forward"),
            counted(listeners, "listener"),
            store_of(reading)
                .map(|store| format!("; published forwards come from {store}"))
                .unwrap_or_default()
        )),
        None => Exit::Usage,
    }
}

fn checked(
    file: Option<&str>,
    reading: &Reading,
    unknown: &[Missing],
    exposed: &[ExposedFile],
) -> Checked {
    let (forwards, listeners) = sizes(reading).unzip();
    let problems: Vec<_> =
        reading.problems.iter().map(found).chain(unknown.iter().map(not_on_this_host)).collect();
    Checked {
        ok: problems.is_empty(),
        file: file.map(str::to_owned),
        forwards,
        listeners,
        store: store_of(reading),
        total: reading.problems.len() + unknown.len(),
        problems,
        warnings: exposed.iter().map(ToString::to_string).collect(),
    }
}

fn not_on_this_host(Missing { location, message }: &Missing) -> Found {
    found_at(Severity::Error, location.as_ref(), message.clone(), None)
}

fn found(problem: &Problem) -> Found {
    let Problem { severity, location, message, hint, .. } = problem;
    found_at(*severity, location.as_ref(), message.clone(), hint.clone())
}

/// A problem of the command line or of the whole host has no position in a file.
fn found_at(
    level: Severity,
    location: Option<&Location>,
    message: String,
    hint: Option<String>,
) -> Found {
    let location = location.filter(|location| !location.is_command_line());
    Found {
        level: level.to_string(),
        file: location.map(|location| location.source.clone()),
        line: location.map(|Location { line, .. }| *line),
        column: location.map(|Location { column, .. }| *column),
        message,
        hint,
    }
}

/// The store of the further forwards, which are not checked here.
fn store_of(reading: &Reading) -> Option<String> {
    Some(reading.plan.as_ref()?.fleet.as_ref()?.store.url.to_string())
}

/// Returns the numbers of forwards and listeners.
fn sizes(reading: &Reading) -> Option<(usize, usize)> {
    let forwards = &reading.plan.as_ref()?.forwards;
    Some((forwards.len(), forwards.iter().map(|forward| forward.routes.len()).sum()))
}
