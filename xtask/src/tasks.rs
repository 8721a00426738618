//! Tasks that only developers of this program need: long tests, measurements, pictures.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line answers there")]

use crate::sim_faults;
use clap::Subcommand;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each runs programs of this repository in its root, and stops at the first that fails.
#[derive(Subcommand)]
pub enum Task {
    /// Play random histories of a session's decisions (crates/flow/tests/simulation.rs).
    SoakFlow {
        /// Number of histories.
        #[arg(default_value = "2000000")]
        histories: String,
    },
    /// Play random histories of the engine on the simulated kernel (crates/simulation).
    SoakEngine {
        /// Duration.
        #[arg(long, default_value = "3600")]
        seconds: String,
        /// Number of histories at which to stop earlier.
        #[arg(long)]
        count: Option<String>,
        /// The first seed; by default a new one at each run.
        #[arg(long)]
        first: Option<String>,
    },
    /// Put each fault of crates/simulation/faults into a copy of the sources, and let the simulation find it.
    SimFaults {
        /// Parts of names of faults; all faults by default.
        names: Vec<String>,
    },
    /// Let each system call fail with each error, and write docs/reliability/faults.md.
    Faults,
    /// Play every ending through this and other forwarders, and write docs/reliability/fidelity.md.
    Fidelity,
    /// Let targets, name servers and roles fail behind this and other forwarders, and write
    /// docs/reliability/failover.md. Takes about four minutes.
    Failover,
    /// Let crowds take all they get from this and other forwarders, and write docs/reliability/neighbours.md. Takes
    /// about four minutes.
    Abuse,
    /// Let everything of a fleet fail under traffic, measure its roll-outs, and write docs/reliability/fleet.md. Needs
    /// etcd, and takes about ten minutes.
    Fleet {
        /// Options of `tf-load fleet`, such as `--only cases` or `--quick --out /tmp/fleet.md`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Fuzz the parsers, the session and the engine. Needs a nightly toolchain and cargo-fuzz.
    Fuzz {
        /// Seconds for each target.
        #[arg(long, default_value = "3600")]
        seconds: String,
        /// Targets; all of them by default.
        targets: Vec<String>,
    },
    /// Run the micro-benchmarks of the data plane's parts.
    BenchMicro,
    /// Compare with other forwarders on one CPU and on two, and write docs/benchmarks. Takes hours.
    BenchCompare {
        /// Options of `tf-load compare`, such as `--only crr --quick` or `--list`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Print memory and descriptors of 9,000 idle sessions.
    BenchIdle,
    /// Measure the rate that a forwarder loses while `top` and the web page are open.
    BenchViews {
        /// Pairs of runs, with the views closed and open.
        #[arg(default_value = "25")]
        pairs: String,
    },
    /// Test the package's unit under a systemd in a scratch root. Needs root.
    SystemdTest,
    /// Upgrade in place from the build of an earlier commit.
    UpgradeTest {
        /// The commit to upgrade from.
        #[arg(default_value = "HEAD~1")]
        commit: String,
    },
    /// Check the dependencies against the RustSec database.
    Advisories,
    /// Take the picture of the web page for the documents.
    CapturePage,
    /// Print the text captures of `top` for the documents.
    CaptureTop,
    /// Print the system and the tools found.
    PlatformInfo,
}

impl Task {
    /// Runs the task in the repository at `root`.
    ///
    /// # Errors
    /// If a program cannot be run or fails.
    pub fn run(&self, root: &Path) -> Result<(), String> {
        let here = Here { root, target: target(root) };
        match self {
            Self::SoakFlow { histories } => {
                let mut test = here.cargo(&["test", "-p", "flow", "--test", "simulation"]);
                finish(test.env("PROPTEST_CASES", histories))
            }
            Self::SoakEngine { seconds, count, first } => {
                let bounds = [("COUNT", count.as_ref()), ("FIRST", first.as_ref())];
                here.soak_engine(seconds, &bounds)
            }
            Self::SimFaults { names } => {
                let done = sim_faults::run(root, &here.target, names, &|it| println!("{it}"));
                done.map_err(|error| error.to_string())
            }
            Self::Faults => {
                let document = root.join("docs/reliability/faults.md");
                let mut test = here.test("faults", &["--ignored", "--nocapture"]);
                finish(test.env("FAULTS_DOCUMENT", document))
            }
            Self::Fidelity => here.load("fidelity", &[]),
            Self::Failover => here.load("failover", &[]),
            Self::Abuse => here.load("abuse", &[]),
            Self::Fleet { options } => here.load("fleet", options),
            Self::Fuzz { seconds, targets } => {
                finish(here.script("fuzz.sh").arg(seconds).args(targets))
            }
            Self::BenchMicro => finish(&mut here.cargo(&["bench", "--workspace", "--bench", "*"])),
            Self::BenchCompare { options } => here.compare(options),
            Self::BenchIdle => {
                let options = ["scale::", "--nocapture", "--test-threads=1"];
                finish(here.cargo(&RELEASE_TESTS).arg("--").args(options))
            }
            Self::BenchViews { pairs } => {
                here.build_release()?;
                let mut script = here.script("views-cost.sh");
                script.env("BINARY", here.release("traffic-forwarder"));
                finish(script.env("LOAD", here.release("tf-load")).arg(pairs))
            }
            Self::SystemdTest => {
                let options = ["--ignored", "live_unit", "--test-threads=1"];
                finish(&mut here.test("packages", &options))
            }
            Self::UpgradeTest { commit } => finish(here.script("upgrade-from.sh").arg(commit)),
            Self::Advisories => finish(here.script("lint.sh").arg("advisories")),
            Self::CapturePage => finish(&mut here.script("capture-page.sh")),
            Self::CaptureTop => finish(&mut here.script("capture-top.sh")),
            Self::PlatformInfo => finish(&mut here.script("platform-info.sh")),
        }
    }
}

const RELEASE_TESTS: [&str; 6] = ["test", "--release", "-p", "traffic-forwarder", "--test", "e2e"];

/// The directory that cargo builds into.
#[must_use]
pub fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

struct Here<'r> {
    root: &'r Path,
    target: PathBuf,
}

impl Here<'_> {
    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).current_dir(self.root);
        cargo
    }

    /// Plays histories of the engine until a bound is reached.
    fn soak_engine(&self, seconds: &str, bounds: &[(&str, Option<&String>)]) -> Result<(), String> {
        let mut soak = self.cargo(&["run", "--quiet", "--profile", "soak"]);
        soak.args(["-p", "simulation", "--example", "soak"]);
        let given = bounds.iter().filter_map(|(name, bound)| Some((name, (*bound)?)));
        finish(soak.env("SECONDS", seconds).envs(given))
    }

    fn script(&self, name: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.arg(self.root.join("scripts").join(name)).current_dir(self.root);
        shell
    }

    fn test(&self, program: &str, options: &[&str]) -> Command {
        let mut test = self.cargo(&["test", "-p", "traffic-forwarder", "--test", program, "--"]);
        test.args(options);
        test
    }

    fn build_release(&self) -> Result<(), String> {
        let packages = ["-p", "traffic-forwarder", "-p", "bench"];
        finish(self.cargo(&["build", "--release"]).args(packages))
    }

    fn release(&self, program: &str) -> PathBuf {
        self.target.join("release").join(program)
    }

    /// Runs a command of `tf-load` that plays cases through our forwarder and others.
    fn load(&self, command: &str, options: &[String]) -> Result<(), String> {
        self.build_release()?;
        let mut load = Command::new(self.release("tf-load"));
        load.current_dir(self.root).arg(command).arg("--ours");
        finish(load.arg(self.release("traffic-forwarder")).args(options))
    }

    /// Measures on two CPUs even after a comparison on one failed.
    fn compare(&self, options: &[String]) -> Result<(), String> {
        self.build_release()?;
        let on = |cpus: &str, name: &str| {
            let mut compare = Command::new(self.release("tf-load"));
            compare.current_dir(self.root).arg("compare").arg("--ours");
            compare.arg(self.release("traffic-forwarder"));
            finish(compare.args(["--cpus", cpus, "--name", name]).args(options))
        };
        let one = on("0", "one-cpu");
        if std::thread::available_parallelism().is_ok_and(|count| count.get() < 2) {
            eprintln!("skipped the comparison on two CPUs: there is one");
            return one;
        }
        on("0,1", "two-cpus").and(one)
    }
}

fn finish(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("run {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed: {status}")) }
}
