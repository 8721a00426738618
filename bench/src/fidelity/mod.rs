//! What forwarders do with the ends of a connection: the cases of the test kit, played through each.

mod entrant;
mod page;
mod trial;

use std::fs;
use std::path::PathBuf;
use std::thread;

use clap::Args;
use testkit::cases::{self, Case};

use crate::compare::{ConfigDir, tree};
use crate::failure::{Context, Failure, Result};
use crate::report::{complain, say};

use entrant::Entrant;
use trial::{Often, Stage, Trial};

/// `tf-load fidelity`.
#[derive(Args, Debug)]
pub(crate) struct Fidelity {
    /// How often each case is played.
    #[arg(long, value_name = "N", default_value_t = 3)]
    repetitions: usize,
    /// Rounds of a race: a case with an outcome that varies between rounds.
    #[arg(long, value_name = "N", default_value_t = 400)]
    rounds: u64,
    /// Only these cases: the beginnings of their names, with commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    only: Vec<String>,
    /// Only these subjects: direct, ours, or the names of adapter files, with commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    subjects: Vec<String>,
    /// Our own forwarder.
    #[arg(long, value_name = "PATH", default_value = "target/release/traffic-forwarder")]
    ours: PathBuf,
    /// Adapter files of others.
    #[arg(long, value_name = "DIR", default_value = "bench/peers")]
    peers: PathBuf,
    /// The page to write.
    #[arg(long, value_name = "FILE", default_value = "docs/reliability/fidelity.md")]
    out: PathBuf,
}

/// Plays all cases and writes the page. Returns whether our forwarder passed every case.
pub(crate) fn run(options: &Fidelity) -> Result<bool> {
    let cases: Vec<_> = cases::all().filter(|case| options.wants(case)).collect();
    if cases.is_empty() {
        return Err(Failure::new("--only selects no case; the page names them"));
    }
    let (entrants, missing) = entrant::find(options)?;
    for (name, package) in &missing {
        complain(&format!("{name} is not here; to see it, install {package}"));
    }
    tree::adopt_orphans()?;
    let dir = ConfigDir::new()?;
    let stage = Stage::new(&dir.0)?;
    let often = Often { repetitions: options.repetitions.max(1), rounds: options.rounds.max(1) };
    let columns = play_all(&entrants, &cases, often, &stage);
    let page = page::write(&cases, &columns, &missing);
    fs::write(&options.out, page).context(&format!("write {}", options.out.display()))?;
    say(&format!("written: {}", options.out.display()));
    let is_ours = |(entrant, _): &&(&Entrant, Vec<Trial>)| entrant.is_ours;
    Ok(columns.iter().filter(is_ours).all(|(_, trials)| trials.iter().all(Trial::is_kept)))
}

impl Fidelity {
    fn wants(&self, case: &Case) -> bool {
        let mut only = self.only.iter();
        self.only.is_empty() || only.any(|only| case.name.starts_with(only.as_str()))
    }
}

/// Trials of each entrant, in the order of the cases. Programs run concurrently; one program plays
/// its cases one after another, because its processes are identified by their name.
fn play_all<'a>(
    entrants: &'a [Entrant],
    cases: &[&'static Case],
    often: Often,
    stage: &Stage<'_>,
) -> Vec<(&'a Entrant, Vec<Trial>)> {
    let programs = entrants.chunk_by(|one, next| one.program() == next.program());
    let play = |entrant: &'a Entrant| {
        let trials = cases.iter().map(|case| stage.play(case, entrant, often));
        (entrant, trials.collect::<Vec<_>>())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = programs
            .map(|same| scope.spawn(|| same.iter().map(play).collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a trial does not panic"))
            .collect()
    })
}
