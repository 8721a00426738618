//! The side-by-side benchmark: every subject in turn, again and again, under the same rules.

pub(crate) mod adapter;
pub(crate) mod affinity;
mod background;
mod balance;
mod child;
mod forwards;
mod goals;
mod job;
pub(crate) mod launch;
pub(crate) mod machine;
mod markdown;
mod measures;
mod results;
mod run;
mod stage;
pub(crate) mod subject;
mod svg;
pub(crate) mod template;
pub(crate) mod tree;
mod turns;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use adapter::Adapter;
use affinity::{Cpus, Layout};
use measures::Measure;
use subject::Subject;
use turns::Turns;

use crate::failure::{Context, Failure, Result};
use crate::report::{complain, say};
use crate::window::seconds;

/// How our own forwarder is started.
pub(crate) const OURS: &str = include_str!("../../ours.toml");

/// `tf-load compare`. An option that is given again replaces the earlier one.
#[derive(Args, Debug)]
#[command(args_override_self = true)]
pub(crate) struct Compare {
    /// The CPUs to use. One: for everything. More: the first for the forwarder, the others for
    /// the load generator and its target.
    #[arg(long, value_name = "LIST", default_value = "0")]
    cpus: Cpus,
    /// With several CPUs: everything on all of them.
    #[arg(long)]
    together: bool,
    /// Worker threads, for forwarders with such a setting.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// How often each measure is taken of each subject; 5, or 1 with --quick.
    #[arg(long, value_name = "N")]
    repetitions: Option<usize>,
    /// How long one run is measured; 2, or 0.3 with --quick.
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<Duration>,
    /// Only these measures: the beginnings of their names, with commas (`rr-64,crr,bulk`).
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    only: Vec<String>,
    /// Only these subjects: direct, ours, or the names of adapter files, with commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    subjects: Vec<String>,
    /// A smoke test: short runs, one repetition, few idle sessions. Its figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Our own forwarder.
    #[arg(long, value_name = "PATH", default_value = "target/release/traffic-forwarder")]
    ours: PathBuf,
    /// Adapter files of others.
    #[arg(long, value_name = "DIR", default_value = "bench/peers")]
    peers: PathBuf,
    /// Where the page, its charts and the raw figures are written.
    #[arg(long, value_name = "DIR", default_value = "docs/benchmarks")]
    out: PathBuf,
    /// The name of the page and of its charts; default: one-cpu or several-cpus.
    #[arg(long)]
    name: Option<String>,
    /// Name the measures and the subjects, and do nothing else.
    #[arg(long)]
    list: bool,
}

/// Compares, and writes the results: whether every run succeeded.
pub(crate) fn run(options: &Compare) -> Result<bool> {
    let measures = options.measures()?;
    let (subjects, missing) = options.find_subjects()?;
    for (name, package) in &missing {
        complain(&format!("{name} is not here; to compare with it, install {package}"));
    }
    if options.list {
        list(&measures, &subjects);
        return Ok(true);
    }
    tree::adopt_orphans()?;
    let program = std::env::current_exe()?;
    let dir = ConfigDir::new()?;
    let layout = Layout::of(&options.cpus, options.together);
    let turns = Turns {
        options,
        layout: &layout,
        program: &program,
        dir: &dir.0,
        measures: &measures,
        subjects: &subjects,
    };
    let results = turns.take(missing);
    let page = write::all(&options.out, &options.page_name(&layout), &results)?;
    say(&format!("written: {}", page.display()));
    Ok(!results.measured.iter().flat_map(|it| &it.runs).any(turns::is_failure))
}

impl Compare {
    fn repetitions(&self) -> usize {
        self.repetitions.unwrap_or(if self.quick { 1 } else { 5 }).max(1)
    }

    fn seconds(&self) -> Duration {
        let usual = Duration::from_millis(if self.quick { 300 } else { 2000 });
        self.seconds.unwrap_or(usual).max(Duration::from_millis(50))
    }

    fn warmup(&self) -> Duration {
        Duration::from_millis(if self.quick { 50 } else { 300 })
    }

    fn measures(&self) -> Result<Vec<Measure>> {
        let mut measures = measures::all(self.quick);
        let wanted = |key: &str| self.only.iter().any(|only| key.starts_with(only.as_str()));
        measures.retain(|measure| self.only.is_empty() || wanted(&measure.key));
        if measures.is_empty() {
            return Err(Failure::new("--only selects no measure; --list names them"));
        }
        Ok(measures)
    }

    /// The subjects that are here, and of the others their names and packages. `None` is direct.
    fn find_subjects(&self) -> Result<Found> {
        let wanted =
            |key: &str| self.subjects.is_empty() || self.subjects.iter().any(|it| it == key);
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        if wanted(results::DIRECT) {
            found.push(None);
        }
        let ours = adapter::parse(results::OURS, OURS)?;
        if wanted(results::OURS) {
            let path = std::path::absolute(&self.ours)?;
            if path.is_file() {
                found.push(Some(Subject::at(&ours, path)));
            } else {
                missing.push(lack(&ours));
            }
        }
        let peers = adapter::read_all(&self.peers)?;
        for adapter in peers.iter().filter(|adapter| wanted(&adapter.key)) {
            match Subject::find(adapter) {
                Some(subject) => found.push(Some(subject)),
                None => missing.push(lack(adapter)),
            }
        }
        if found.is_empty() {
            return Err(Failure::new("--subjects selects nothing that is here"));
        }
        Ok((found, missing))
    }

    fn page_name(&self, layout: &Layout) -> String {
        let usual = if layout.is_one_cpu() { "one-cpu" } else { "several-cpus" };
        self.name.clone().unwrap_or_else(|| usual.to_owned())
    }
}

/// Subjects that are here, and the names and packages of those that are not.
type Found = (Vec<Option<Subject>>, Vec<(String, String)>);

fn lack(adapter: &Adapter) -> (String, String) {
    (adapter.name.clone(), adapter.package.clone())
}

fn list(measures: &[Measure], subjects: &[Option<Subject>]) {
    for measure in measures {
        say(&format!("{:<12} {}", measure.key, measure.title));
    }
    say("");
    for subject in subjects {
        match subject {
            None => say(results::DIRECT),
            Some(it) => say(&format!("{:<22} {} {}", it.adapter.key, it.adapter.name, it.version)),
        }
    }
}

/// Where configurations are written; removed on `Drop`.
pub(crate) struct ConfigDir(pub(crate) PathBuf);

impl ConfigDir {
    pub(crate) fn new() -> Result<Self> {
        let dir = std::env::temp_dir().join(format!("tf-load-{}", std::process::id()));
        std::fs::create_dir(&dir).context(&dir.display().to_string())?;
        Ok(Self(dir))
    }
}

impl Drop for ConfigDir {
    fn drop(&mut self) {
        // Leftovers in the temporary directory are harmless.
        let _ = std::fs::remove_dir_all::<&Path>(&self.0);
    }
}
