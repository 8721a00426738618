//! A fleet of real instances on a real cluster of etcd, with verified traffic through all of them while texts are
//! published and everything else fails; its times; one large text; and a model of a thousand instances.

mod cases;
mod instances;
mod large;
mod ledger;
mod model;
mod page;
mod probe;
mod records;
mod scene;
mod texts;
mod times;
mod traffic;
mod usage;
mod watchdog;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::compare::machine;
use crate::compare::subject::version_of;
use crate::failure::{Context, Failure, Result};
use crate::report::say;
use crate::trial::namespace;
use crate::window::seconds;

use scene::Scene;
use usage::Usage;

/// `tf-load fleet`.
#[derive(Args, Debug)]
pub(crate) struct FleetOptions {
    /// Only these parts: cases, times, large, model, with commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    only: Vec<String>,
    /// Only the cases whose names begin so, with commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    cases: Vec<String>,
    /// A smoke test: few instances, forwards and cases. Its figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Instances; 20, or 3 with --quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(3..=100))]
    instances: Option<u16>,
    /// Forwards of the published text; 1000, or 40 with --quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(20..=10_000))]
    forwards: Option<u16>,
    /// Rounds of each time; 10, or 1 with --quick.
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Forwards of the large text.
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    large: usize,
    /// Simulated instances of the model; 1000, or 20 with --quick.
    #[arg(long, value_name = "N")]
    model: Option<usize>,
    /// The bound of the whole run.
    #[arg(long, value_name = "S", default_value = "2400", value_parser = seconds)]
    limit: Duration,
    /// Our own forwarder.
    #[arg(long, value_name = "PATH", default_value = "target/release/traffic-forwarder")]
    ours: PathBuf,
    /// The page to write.
    #[arg(long, value_name = "FILE", default_value = "docs/reliability/fleet.md")]
    out: PathBuf,
    /// Already in private namespaces.
    #[arg(long, hide = true)]
    inside: bool,
}

/// Plays all parts and writes the page. The first broken promise is an error.
pub(crate) fn run(options: &FleetOptions) -> Result<bool> {
    if !PARTS.iter().any(|part| options.wants(part)) {
        let words = format!("--only selects nothing; there are {}", PARTS.join(", "));
        return Err(Failure::new(words));
    }
    if !options.ours.is_file() {
        let words = format!("{} is not there: build it with `make build`", options.ours.display());
        return Err(Failure::new(words));
    }
    if !options.inside {
        return Err(namespace::enter_with_processes());
    }
    watchdog::start(options.limit);
    let others = usage::by_others();
    let before = Usage::now();
    let mut results = page::Results::default();
    if options.wants("cases") || options.wants("times") {
        let mut scene = Scene::start(options)?;
        if options.wants("cases") {
            results.cases =
                cases::play(&mut scene, |key, is_quick| options.wants_case(key, is_quick))?;
        }
        if options.wants("times") {
            results.times = times::measure(&mut scene, options.rounds())?;
        }
        watchdog::step("the end of all sessions");
        scene.traffic.finish()?;
        results.counts = scene.traffic.ledger.counts();
    }
    if options.wants("large") {
        watchdog::step("a large text");
        results.large = large::measure(options)?;
    }
    if options.wants("model") {
        results.model = Some(model::measure(options)?);
    }
    let (ours, others_meanwhile) = Usage::now().since(before);
    results.others = others_meanwhile;
    results.facts = options.facts(others, (ours, others_meanwhile));
    let page = page::write(options, &results);
    fs::write(&options.out, page).context(&format!("write {}", options.out.display()))?;
    say(&format!("written: {}", options.out.display()));
    Ok(true)
}

const PARTS: [&str; 4] = ["cases", "times", "large", "model"];

impl FleetOptions {
    fn wants(&self, part: &str) -> bool {
        let is_default = !self.quick || part != "large";
        if self.only.is_empty() { is_default } else { self.only.iter().any(|it| it == part) }
    }

    fn wants_case(&self, key: &str, is_quick: bool) -> bool {
        if self.cases.is_empty() {
            return is_quick || !self.quick;
        }
        self.cases.iter().any(|begin| key.starts_with(begin.as_str()))
    }

    fn instances(&self) -> u16 {
        self.instances.unwrap_or(if self.quick { 3 } else { 20 })
    }

    fn forwards(&self) -> usize {
        self.forwards.unwrap_or(if self.quick { 40 } else { 1000 }).into()
    }

    fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 10 })
    }

    fn model(&self) -> usize {
        self.model.unwrap_or(if self.quick { 20 } else { 1000 })
    }

    /// Short sessions in a second.
    fn short_rate(&self) -> u32 {
        if self.quick { 50 } else { 100 }
    }

    /// Where and when the figures were taken, and what else ran.
    fn facts(&self, others_before: f64, (ours, others): (f64, f64)) -> Vec<(&'static str, String)> {
        let version = |program: &str| {
            version_of(program.as_ref(), &["{binary}".to_owned(), "--version".to_owned()])
        };
        let mut facts = machine::describe();
        facts.push(("Commit", machine::commit()));
        facts.push(("traffic-forwarder", version(&self.ours.display().to_string())));
        facts.push(("etcd", version("etcd")));
        facts.push((
            "CPUs that other programs kept busy before the run",
            format!("{others_before:.1}"),
        ));
        let busy = format!("{ours:.1} with this run, {others:.1} with other programs");
        facts.push(("CPUs busy during the run", busy));
        facts
    }
}
