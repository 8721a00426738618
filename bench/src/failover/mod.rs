//! Which clients forwarders lose when targets, name servers or roles fail: the same failures, played
//! with each of them.

mod all_down;
mod clients;
mod message;
mod name_server;
mod names;
mod one_fails;
mod play;
mod program;
mod role;
mod roles;
mod target;
mod way;

use std::fs;
use std::path::PathBuf;

use clap::Args;

use crate::compare::ConfigDir;
use crate::failure::{Context, Failure, Result};
use crate::report::{complain, say};
use crate::trial::program::{Wanted, find};
use crate::trial::stage::Stage;
use crate::trial::table::Section;
use crate::trial::{namespace, page};

use program::Program;

const HEAD: &str = "\
# What clients lose when targets fail

Written by `make failover`; nothing in it is typed by hand. `bench/src/failover` plays the cases, in a network
namespace of its own, with all programs of a case at the same time; `bench/failover` has their configurations.
Programs have their defaults, except that connecting is limited to two seconds where a program has such a limit,
which HAProxy means for each of four attempts. A program takes part in a case if it has a configuration for it.

A client connects, sends a line and waits until the line comes back, for at most 12 seconds. It is lost if the
line does not come back; in parentheses is how it ended for the client. *FIN* is an orderly end without a byte,
which a client cannot tell from an empty answer.

";

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
    let Failover { adapters: dir, subjects: keys, ours, .. } = options;
    let (programs, missing) = find(&Wanted { dir, keys, ours })?;
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
    let page = page::write(HEAD, &programs, &missing, &sections);
    fs::write(&options.out, page).context(&format!("write {}", options.out.display()))?;
    say(&format!("written: {}", options.out.display()));
    Ok(sections.iter().flat_map(|section| &section.goals).all(|goal| goal.is_met))
}

type Play = fn(&Stage, &[Program]) -> Section;

const GROUPS: [(&str, Play); 4] = [
    ("one", one_fails::play),
    ("all", all_down::play),
    ("names", names::play),
    ("role", role::play),
];
