//! Which clients forwarders lose when targets, name servers or roles fail: the same failures, played
//! with each of them.

mod all_down;
mod clients;
mod message;
mod name_server;
mod names;
mod namespace;
mod one_fails;
mod page;
mod play;
mod program;
mod role;
mod roles;
mod stage;
mod table;
mod target;

use std::fs;
use std::path::PathBuf;

use clap::Args;

use crate::compare::ConfigDir;
use crate::failure::{Context, Failure, Result};
use crate::report::{complain, say};

use stage::Stage;
use table::Section;

/// `tf-load failover`.
#[derive(Args, Debug)]
pub(crate) struct Failover {
    /// Only these groups: one, all, names, role, with commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    only: Vec<String>,
    /// Only these programs: the names of their files, with commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    subjects: Vec<String>,
    /// Our own forwarder.
    #[arg(long, value_name = "PATH", default_value = "target/release/traffic-forwarder")]
    ours: PathBuf,
    /// Files of the programs.
    #[arg(long, value_name = "DIR", default_value = "bench/failover")]
    adapters: PathBuf,
    /// The page to write.
    #[arg(long, value_name = "FILE", default_value = "docs/reliability/failover.md")]
    out: PathBuf,
    /// Already in private namespaces.
    #[arg(long, hide = true)]
    inside: bool,
}

/// Plays all cases and writes the page. Returns whether our forwarder kept every promise.
pub(crate) fn run(options: &Failover) -> Result<bool> {
    let wants = |key: &str| options.only.is_empty() || options.only.iter().any(|it| it == key);
    if !GROUPS.iter().any(|(key, _)| wants(key)) {
        return Err(Failure::new("--only selects nothing; there are one, all, names and role"));
    }
    if !options.inside {
        return Err(namespace::enter());
    }
    let (programs, missing) = program::find(options)?;
    for (name, package) in &missing {
        complain(&format!("{name} is not here; to see it, install {package}"));
    }
    let dir = ConfigDir::new()?;
    let stage = Stage::new(&dir.0);
    let mut sections: Vec<Section> = Vec::new();
    for (key, play) in GROUPS {
        if wants(key) {
            sections.push(play(&stage, &programs));
        }
    }
    let page = page::write(&programs, &missing, &sections);
    fs::write(&options.out, page).context(&format!("write {}", options.out.display()))?;
    say(&format!("written: {}", options.out.display()));
    Ok(sections.iter().flat_map(|section| &section.goals).all(|goal| goal.is_met))
}

type Play = fn(&Stage, &[program::Program]) -> Section;

const GROUPS: [(&str, Play); 4] = [
    ("one", one_fails::play),
    ("all", all_down::play),
    ("names", names::play),
    ("role", role::play),
];
