//! Proof that the simulation finds bugs: each fault of `crates/simulation/faults` is put into a copy of
//! the sources, one at a time, and the normal number of histories must find it.

pub mod findings;
pub mod patch;
mod trial;
mod workspace_copy;

use findings::{Finding, Findings};
use patch::Fault;
use std::path::{Path, PathBuf};
use std::{error, fmt, io};
use trial::{Outcome, Trial};

/// The patches and the table of findings, relative to the root.
const DIRECTORY: &str = "crates/simulation/faults";

/// Why the faults cannot be tried.
#[derive(Debug)]
pub enum Error {
    /// A file or directory could not be read or written.
    File(PathBuf, io::Error),
    /// A patch or the table of findings is malformed.
    Malformed(PathBuf, String),
    /// A patch does not apply: a block of its lines is not in the source exactly once.
    Stale {
        /// Name of the fault.
        fault: String,
        /// Source file.
        path: PathBuf,
        /// The block, with its number of occurrences.
        block: String,
        /// Number of its occurrences.
        count: usize,
    },
    /// No fault has a name that contains this text.
    Unknown(String),
    /// A program could not be run.
    Program(&'static str, io::Error),
    /// The sources with this fault, or without one, do not compile.
    Build(String),
    /// The histories fail without any fault.
    Unsound(Finding),
    /// These faults were not found.
    NotFound(Vec<String>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Malformed(path, what) => write!(f, "{}: {what}", path.display()),
            Self::Stale { fault, path, block, count } => write!(
                f,
                "{fault} does not apply: {} has these lines {count} times, not once; change the patch \
                 to the present source:\n{block}",
                path.display()
            ),
            Self::Unknown(name) => write!(f, "no fault in {DIRECTORY} has `{name}` in its name"),
            Self::Program(program, error) => write!(f, "run {program}: {error}"),
            Self::Build(what) => write!(f, "{what} does not compile"),
            Self::Unsound(finding) => write!(
                f,
                "the histories fail without a fault: seed {}, {}: {}",
                finding.seed, finding.rule, finding.message
            ),
            Self::NotFound(names) => write!(f, "not found: {}", names.join(", ")),
        }
    }
}

impl error::Error for Error {}

/// Tries the faults whose names contain one of `names`, or all of them, and records in the table of
/// findings what finds each. `report` receives one line per fault.
///
/// # Errors
/// If a fault is not found within the normal number of histories, or cannot be tried.
pub fn run(
    root: &Path,
    target: &Path,
    names: &[String],
    report: &dyn Fn(&str),
) -> Result<(), Error> {
    let faults = chosen(patch::all(root)?, names)?;
    let mut findings = Findings::read(root)?;
    let trial = Trial::new(root, target)?;
    report(&row("fault", "seed", "histories", "seconds", "found by"));
    match trial.without_fault()? {
        Outcome::Nothing => {}
        Outcome::Found(finding) => return Err(Error::Unsound(finding)),
    }
    let mut missed = Vec::new();
    for fault in faults {
        let (outcome, took) = trial.with(&fault)?;
        let seconds = took.as_secs().to_string();
        if let Outcome::Found(finding) = outcome {
            let Finding { seed, rule, .. } = &finding;
            let histories = (seed + 1).to_string();
            report(&row(&fault.name, &seed.to_string(), &histories, &seconds, rule));
            findings.set(&fault.name, finding);
        } else {
            report(&row(&fault.name, "-", "-", &seconds, "nothing"));
            findings.remove(&fault.name);
            missed.push(fault.name);
        }
        findings.write(root)?;
    }
    if missed.is_empty() { Ok(()) } else { Err(Error::NotFound(missed)) }
}

/// The faults whose names contain one of `names`; all if there is none.
fn chosen(mut faults: Vec<Fault>, names: &[String]) -> Result<Vec<Fault>, Error> {
    let has = |fault: &Fault, name: &String| fault.name.contains(name.as_str());
    if let Some(unknown) = names.iter().find(|name| !faults.iter().any(|fault| has(fault, name))) {
        return Err(Error::Unknown(unknown.clone()));
    }
    faults.retain(|fault| names.is_empty() || names.iter().any(|name| has(fault, name)));
    Ok(faults)
}

fn row(fault: &str, seed: &str, histories: &str, seconds: &str, rule: &str) -> String {
    format!("{fault:<46} {seed:>6} {histories:>9} {seconds:>7}  {rule}")
}
