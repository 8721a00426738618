//! Configuration text in, a checked [`Plan`] out, or every problem at once with its place.
//!
//! This crate knows no sockets, threads or clocks. It reads one file and the arguments that stand
//! for forwards, and it never panics, whatever they hold.

#![forbid(unsafe_code)]

// From text to drafts, to forwards; `read` holds the flow.
mod address_text;
mod admin_text;
mod check;
mod draft;
mod file;
mod format;
mod line_format;
mod listeners;
mod one_line;
mod overrides;
mod paths;
mod process_table;
mod read;
mod toml_format;
mod toml_values;
mod url;
mod value;
// The settings: one row each, and how a row reaches its field.
mod field;
mod setting;
mod settings;
mod table;
mod values_text;
mod words;
// What comes out.
mod address;
mod counted;
mod escape;
mod location;
mod plan;
mod problem;
mod render;
mod shell;
pub mod sizes;
mod text;
pub mod units;
// How it would be written, and how two plans differ.
mod diff;
mod diff_text;
mod forward_text;
mod in_force;
mod toml_text;

#[cfg(test)]
mod testing;

use std::path::PathBuf;

pub use address::{ListenAddress, Target};
pub use diff::{Change, ChangedForward, ForwardSummary, PlanDiff};
pub use file::{FileError, FileRead, FileStamp, identify as identify_file, read as read_file};
pub use flow::{AtLimit, Keepalive, PathChoice};
pub use forward_text::{forward_toml, settings_toml};
pub use in_force::InForce;
pub use plan::{
    Admin, Forward, ForwardSettings, Level, Log, LogFormat, OnRefusal, Plan, Process, Route,
};
pub use problem::{COMMAND_LINE, Location, ParseError, Problem, Problems, Severity};

pub use check::LISTENERS_MAX;
pub use counted::counted;
pub use escape::{escaped, escaped_lines};
pub use read::{read, read_text, read_text_for_all_problems};
pub use setting::{Effect, Kind, Role, Section, Setting};
pub use settings::settings;
pub use shell::shell_word;
pub use toml_text::basic_string;
pub use words::Word;

/// The file that is read if none is named.
pub const DEFAULT_CONFIG: &str = "./etc/traffic-forwarder.conf";

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// The configuration file, if one is to be read.
    pub config: Option<PathBuf>,
    /// Forwards given as one line each, such as `18080=127.0.0.1:8080`.
    pub forwards: Vec<String>,
    /// What the command line sets for every forward.
    pub overrides: Overrides,
}

/// What the command line sets for every forward: raw text, so that its problems are reported with
/// all the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--timeout`: the connect and the idle timeout.
    pub timeout: Option<String>,
    /// `--max-conns`: the sessions per forward.
    pub max_conns: Option<String>,
}

/// What came out of reading: a plan, problems, or both.
#[derive(Clone, Debug)]
pub struct Reading {
    /// `None` if anything is an error.
    pub plan: Option<Plan>,
    /// Everything that is wrong.
    pub problems: Problems,
    /// The file as it was when it was read; `None` if none was, or it could not be read.
    pub state: Option<FileRead>,
}
