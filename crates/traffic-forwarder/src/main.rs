//! traffic-forwarder: listen on local TCP ports, forward every connection to a remote host and
//! port.

mod arguments;
mod check;
mod cli;
mod console;
mod demo;
mod doctor;
mod exit;
mod go_flags;
mod import;
mod manual;
mod output;
mod rollout;
mod shell_completions;
mod top;
mod usage;

use clap::Parser;
use cli::{Cli, Command};
use console::screen::Screen;
use control::HandoverRefusal;
use exit::Exit;
use observe::Version;
use output::{say, say_as_is, warn, written};
use std::path::PathBuf;
use std::process::ExitCode;

/// Samples allocations for `/debug/pprof/heap`.
#[cfg(feature = "profile")]
#[global_allocator]
static ALLOCATOR: profile::sampling::SamplingAllocator = profile::sampling::SamplingAllocator;

fn main() -> ExitCode {
    Version::set(Version::new(env!("CARGO_PKG_VERSION"), Some(env!("BUILD_ID"))));
    control::only_files_and_dns();
    control::writes_beyond_the_size_limit_fail();
    let input = |arguments| input_of(arguments).map_err(Into::into);
    if let Some(answer) = control::check_handover(input) {
        return answer_check(&answer).into();
    }
    let arguments = go_flags::translate(std::env::args_os());
    let exit = match Cli::try_parse_from(arguments) {
        Ok(cli) => dispatch(cli),
        Err(mut error) => {
            usage::explain(&mut error);
            // Help and version go to standard output; all else is a usage error.
            if !error.use_stderr() {
                return written(error.print()).into();
            }
            let text = error.render();
            let has_colours = Screen::of_errors().colours;
            warn(&if has_colours { text.ansi().to_string() } else { text.to_string() });
            Exit::Usage
        }
    };
    exit.into()
}

fn dispatch(cli: Cli) -> Exit {
    match cli.command {
        Some(Command::Demo(demo)) => demo::run(&demo),
        Some(Command::Import(import)) => import::run(&import),
        Some(Command::Operate(operation)) => console::run(&operation),
        Some(Command::Publish(args)) => rollout::publish(&args),
        Some(Command::Rollout(args)) => rollout::rollout(&args),
        Some(Command::Completions(args)) => shell_completions::run(args.shell),
        Some(Command::Man(args)) => manual::run(args.directory.as_deref()),
        Some(Command::Check(args)) => check::run(args),
        Some(Command::Help(args)) => usage::help(args.command.as_deref()),
        Some(Command::Doctor(doctor)) => doctor::run(doctor),
        Some(Command::Run(source)) => run(source.input()),
        None => run(cli.source.input()),
    }
}

/// Returns the plan only if it has no problems, and prints all of them.
fn flawless(input: &plan::Input) -> Option<plan::Plan> {
    let reading = plan::read_once(input);
    complain(&reading.problems);
    reading.plan.filter(|_| reading.problems.is_empty())
}

/// Runs the forwards until the process is stopped: `run`, the default command.
fn run(input: plan::Input) -> Exit {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into()).collect();
    if let Some(complaint) = usage::complaint(&input, &arguments) {
        warn(&complaint);
        return Exit::Usage;
    }
    control::never_writable_by_others();
    let first_steps = usage::first_steps(&input);
    let input = with_absolute_path(input);
    let handover = control::Handover::find();
    let reading = match &handover {
        Some(handover) => handover.read_plan(&input),
        None => plan::read(&input),
    };
    let Some(plan) = reading.plan else {
        warn_of_start(&reading.problems.render(Screen::of_errors().colours));
        warn_of_start(first_steps);
        return Exit::Usage;
    };
    let plan::Reading { problems, prefix_files, state: config, .. } = reading;
    let mut handover = handover;
    let read = plan::FilesRead { config, prefix_files };
    let prepared = match &mut handover {
        // The previous process image has done the rest.
        Some(handover) => {
            handover.resume_log(&plan);
            Ok(control::Prepared::new(plan, read))
        }
        None => prepare(&input, plan, &problems, read),
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            complain_of(&*error);
            return Exit::Usage;
        }
    };
    match control::serve(input, prepared, handover, |_| ()) {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain_of(&error);
            if error.is_lasting() { Exit::Usage } else { Exit::Failed }
        }
    }
}

/// Prepares a process without a handover: drops privileges, starts the log, and adds the last good published text.
fn prepare(
    input: &plan::Input,
    plan: plan::Plan,
    problems: &plan::Problems,
    read: plan::FilesRead,
) -> Result<control::Prepared, Box<dyn std::error::Error>> {
    host::assume_user(&plan)?;
    observe::log::start_log(&plan.log)?;
    control::warn_of(problems);
    Ok(control::Prepared::new(plan, read).add_kept_text(input)?)
}

/// Prints each line of an error.
fn complain_of(error: &dyn std::error::Error) {
    for line in error.to_string().lines() {
        warn_of_start(&format!("error: {line}\n"));
    }
}

/// A relative path names another file in another directory: messages and views need an absolute one.
fn with_absolute_path(input: plan::Input) -> plan::Input {
    // The path stays as it is if the present directory is gone.
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    plan::Input { config: input.config.map(absolute), ..input }
}

/// Prints why the process does not start.
fn warn_of_start(text: &str) {
    warn(&observe::log::as_errors(text));
}

/// Parses the arguments of a forwarding process.
fn input_of(arguments: Vec<std::ffi::OsString>) -> Result<plan::Input, String> {
    let cli = Cli::try_parse_from(go_flags::translate(arguments.into_iter()));
    let cli = cli.map_err(|error| error.to_string())?;
    match cli.command {
        None => Ok(with_absolute_path(cli.source.input())),
        Some(Command::Run(source)) => Ok(with_absolute_path(source.input())),
        Some(_) => Err("only a forwarding process can be upgraded".to_owned()),
    }
}

/// Reports whether this version can take over from the running process image.
fn answer_check(answer: &Result<String, HandoverRefusal>) -> Exit {
    match answer {
        Ok(text) => say_as_is(text),
        Err(refusal) => {
            warn(&format!("{}\n", refusal.to_string().trim_end()));
            Exit::Usage
        }
    }
}

fn complain(problems: &plan::Problems) {
    warn(&problems.render(Screen::of_errors().colours));
}
