//! What clients that take all they get leave to others: the same crowds, before each forwarder.

mod case;
mod crowd;
mod hello;
mod neighbour;
mod play;
mod program;
mod syn_flood;

use std::fs;
use std::path::PathBuf;

use clap::Args;

use crate::compare::ConfigDir;
use crate::failure::{Context, Failure, Result};
use crate::report::{complain, say};
use crate::trial::program::{Wanted, find};
use crate::trial::stage::Stage;
use crate::trial::{namespace, page};

use case::CASES;
use program::Templates;

const HEAD: &str = "\
# What a crowd leaves to its neighbours

Written by `make abuse`; nothing in it is typed by hand. `bench/src/abuse` plays the cases, in a network namespace of its
own, with one program after the other; `bench/abuse` has their configurations. Each program has room for about 500
sessions: `max_sessions`, `worker_connections`, `maxconn`. Where a program has a limit per client, it is 40 sessions.

The crowd connects up to 2,000 times a second together, holds all that it gets, up to 4,000 connections, and connects again
at once where it is refused. After a second, a neighbour from another address comes every 20 ms for four seconds. It is
served if its bytes come back from the target within two seconds.

Crowd, target and program share the machine: times are those of a busy machine, and only their order of magnitude counts.

";

/// `tf-load abuse`.
#[derive(Args, Debug)]
pub(crate) struct Abuse {
    /// Only these cases, with commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    only: Vec<String>,
    /// Only these programs: the names of their files, with commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    subjects: Vec<String>,
    /// Our own forwarder.
    #[arg(long, value_name = "PATH", default_value = "target/release/traffic-forwarder")]
    ours: PathBuf,
    /// Files of the programs.
    #[arg(long, value_name = "DIR", default_value = "bench/abuse")]
    adapters: PathBuf,
    /// The page to write.
    #[arg(long, value_name = "FILE", default_value = "docs/reliability/neighbours.md")]
    out: PathBuf,
    /// Already in private namespaces.
    #[arg(long, hide = true)]
    inside: bool,
}

/// Plays all cases and writes the page. Returns whether our forwarder kept every promise.
pub(crate) fn run(options: &Abuse) -> Result<bool> {
    let wants = |key: &str| options.only.is_empty() || options.only.iter().any(|it| it == key);
    let cases: Vec<_> = CASES.iter().filter(|case| wants(case.key)).collect();
    if cases.is_empty() {
        let keys: Vec<_> = CASES.iter().map(|case| case.key).collect();
        let words = format!("--only selects nothing; there are {}", keys.join(", "));
        return Err(Failure::new(words));
    }
    if !options.inside {
        return Err(namespace::enter());
    }
    play::add_addresses()?;
    let Abuse { adapters: dir, subjects: keys, ours, .. } = options;
    let (programs, missing) = find::<Templates>(&Wanted { dir, keys, ours })?;
    for (name, package) in &missing {
        complain(&format!("{name} is not here; to see it, install {package}"));
    }
    let dir = ConfigDir::new()?;
    let stage = Stage::new(&dir.0);
    let sections: Vec<_> = cases.iter().map(|case| play::all(&stage, &programs, case)).collect();
    let page = page::write(HEAD, &programs, &missing, &sections);
    fs::write(&options.out, page).context(&format!("write {}", options.out.display()))?;
    say(&format!("written: {}", options.out.display()));
    Ok(sections.iter().flat_map(|section| &section.goals).all(|goal| goal.is_met))
}
