//! Parses the configuration into a checked [`Plan`], or reports every problem at once with its
//! location.
//!
//! This crate uses no sockets, threads or clocks. It reads one file, the files of prefixes that it names, and
//! the one-line forwards of the command line, and never panics on input.

#![forbid(unsafe_code)]

// Parsing: text to drafts to forwards. `read` drives it.
mod address_text;
mod admin;
mod admin_text;
mod check;
mod check_routes;
mod check_tlvs;
mod checked_text;
mod document;
mod draft;
mod file;
mod foreign;
mod format;
mod hints;
mod host_text;
mod line_format;
mod listeners;
mod one_line;
mod other_words;
mod overrides;
mod paths;
mod process_table;
mod ranges;
mod read;
mod read_published;
mod toml_fleet;
mod toml_format;
mod toml_mistakes;
mod toml_route;
mod toml_values;
mod url;
mod value;
// Settings: one row each, with access to the field.
mod field;
mod fleet_table;
mod forward_only;
mod setting;
mod settings;
mod table;
mod values_text;
mod words;
// Results: the plan and the problems.
mod accept_proxy;
mod access_lists;
mod address;
mod byte_rate;
mod client_tables;
mod counted;
mod escape;
mod file_mode;
mod fleet;
mod health_check;
mod health_check_table;
mod hello_route;
mod listen_names;
mod location;
mod per_client;
mod plan;
mod prefix_files;
mod prefix_list;
mod prefix_list_value;
mod problem;
mod published;
mod rate_table;
mod release;
mod render;
mod route_entry;
mod setting_location;
mod shell;
pub mod sizes;
mod source_address;
mod source_address_value;
mod store_url;
mod target;
mod text;
pub mod units;
// Rendering of plans, and their differences.
mod diff;
mod forward_text;
mod in_force;
mod toml_text;

#[cfg(test)]
mod testing;

use std::path::PathBuf;

pub use address::{ListenAddress, Target, ZonedAddress};
pub use byte_rate::{ByteRate, SessionRate};
pub use diff::{Change, ChangedForward, ForwardSummary, PlanDiff};
pub use file::{
    FileError, FileRead, FileStamp, identify as identify_file, read as read_file,
    read_once as read_file_once, read_other as read_other_file,
};
pub use file_mode::FileMode;
pub use fleet::{Fleet, FleetStore, HOST_AUTHORITIES};
pub use flow::{
    AtLimit, Balance, HelloRule, Keepalive, NamePattern, NoneUp, NotAPrefix, OnDown, Passive,
    PathChoice, Prefix,
};
pub use forward_text::{forward_toml, settings_toml};
pub use health_check::{HealthCheck, Method, StatusRange};
pub use hello_route::HelloRoute;
pub use in_force::InForce;
pub use listen_names::ListenConflict;
pub use per_client::{Networks, PerClient, PerTime, PrefixLengths, TimeUnit};
pub use plan::{
    Forward, ForwardSettings, Level, ListenNames, Log, LogFormat, OnRefusal, Plan, Process, Route,
};
pub use prefix_files::{PrefixFileRead, prefix_file};
pub use prefix_list::{PrefixEntry, PrefixFile, PrefixList};
pub use problem::{COMMAND_LINE, Location, ParseError, Problem, Problems, Severity};

pub use accept_proxy::{AcceptProxy, TrustedPeer, TrustedPeers};
pub use access_lists::{AccessLists, EmptyEffect, EmptyFiles, RefusedBy};
pub use admin::{Admin, AdminSocket, MetricsAddress};
pub use check::{LISTENERS_MAX, TARGETS_MAX};
pub use checked_text::instance_name;
pub use counted::counted;
pub use escape::{escaped, escaped_json, escaped_lines};
pub use published::Published;
pub use read::{
    read, read_once, read_text, read_text_and_files, read_text_for_all_problems, read_text_with,
};
pub use read_published::{PublishedNeed, published_needs, read_published, read_text_to_publish};
pub use release::{NotARelease, Release};
pub use setting::{Effect, Kind, Role, Section, Setting};
pub use setting_location::setting_location;
pub use settings::settings;
pub use shell::shell_word;
pub use source_address::{SourceAddresses, SourceRange};
pub use store_url::StoreUrl;
pub use target::{TargetEntry, TargetOptions};
pub use toml_text::basic_string;
pub use words::Word;

/// Configuration file used if none is named.
pub const DEFAULT_CONFIG: &str = "./etc/traffic-forwarder.conf";

/// Sources of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// Path of the configuration file; `None` to read none.
    pub config: Option<PathBuf>,
    /// One-line forwards, such as `18080=127.0.0.1:8080`.
    pub forwards: Vec<String>,
    /// Settings that the command line overrides in every forward.
    pub overrides: Overrides,
    /// The published text of the fleet, whose forwards are added to those of the file.
    pub published: Option<Published>,
}

/// Settings that the command line overrides in every forward. Kept as raw text, so that their
/// problems are reported together with all others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--timeout`: connect and idle timeout.
    pub timeout: Option<String>,
    /// `--max-conns`: maximum sessions per forward.
    pub max_conns: Option<String>,
    /// `--admin`: address of the admin interface.
    pub admin: Option<String>,
    /// `--log-level`: level of the log.
    pub log_level: Option<String>,
    /// `--log-format`: format of the log.
    pub log_format: Option<String>,
}

/// The states of the files that were read for a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesRead {
    /// The configuration file; `None` if none was read.
    pub config: Option<FileRead>,
    /// The files of prefixes.
    pub prefix_files: Vec<PrefixFileRead>,
}

/// Result of reading the configuration.
#[derive(Clone, Debug)]
pub struct Reading {
    /// `None` if there is an error among the problems.
    pub plan: Option<Plan>,
    /// Errors and warnings, in the order of the text.
    pub problems: Problems,
    /// Stamp and hash of the file; `None` if no file was read.
    pub state: Option<FileRead>,
    /// The files of prefixes that were opened.
    pub prefix_files: Vec<PrefixFileRead>,
}
