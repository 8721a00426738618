//! `cargo xtask`: the tasks of this repository that need its code.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line answers there")]

use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use xtask::{docs, tasks};

/// Tasks of this repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Write the generated parts of the documents.
    Docs {
        /// Change nothing; fail and print the difference if a part is out of date.
        #[arg(long)]
        check: bool,
    },
    #[command(flatten)]
    Other(tasks::Task),
}

fn main() -> ExitCode {
    let result = match Task::parse() {
        Task::Docs { check } => run_docs(check),
        Task::Other(task) => task.run(root()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_docs(check: bool) -> Result<(), String> {
    let stale = docs::stale(root(), &build_program()?).map_err(|error| error.to_string())?;
    for document in &stale {
        print!("{document}");
        if !check {
            document.write(root()).map_err(|error| error.to_string())?;
        }
    }
    if check && !stale.is_empty() {
        return Err("documents are out of date: run `cargo xtask docs`".to_owned());
    }
    Ok(())
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Builds the program, whose `--help` is the source of the command reference.
fn build_program() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "traffic-forwarder"]).current_dir(root());
    let status = build.status().map_err(|error| format!("run cargo build: {error}"))?;
    if !status.success() {
        return Err("cargo build failed: the command reference needs the program".to_owned());
    }
    Ok(tasks::target(root()).join("debug/traffic-forwarder"))
}
