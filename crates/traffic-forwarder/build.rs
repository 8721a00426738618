//! Gives the program its build id in `BUILD_ID`: the first digits of the commit that it is built from,
//! with a `+` if files of the program differ from that commit, or nothing where neither is known.
//!
//! Sources, in this order: `TRAFFIC_FORWARDER_BUILD` of the environment, git, and the file `commit`,
//! which `git archive` fills in.

use std::path::Path;
use std::process::Command;

const VARIABLE: &str = "TRAFFIC_FORWARDER_BUILD";
/// `git rev-parse --short` prints more in a larger clone, and builds would differ.
const DIGITS: usize = 7;
/// What the program is made of, from this crate's directory.
const SOURCES: [&str; 3] = ["../../Cargo.lock", "../../Cargo.toml", "../../crates"];

fn main() {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    println!("cargo::rerun-if-changed=build.rs");
    watch_sources();
    let given = std::env::var(VARIABLE).ok();
    let id = given.or_else(of_git).or_else(of_archive).unwrap_or_default();
    println!("cargo::rustc-env=BUILD_ID={id}");
}

/// Sources of other crates have this crate rebuilt anyway. A commit that changes no source has it
/// rebuilt in a release build only, which must name the commit that is checked out.
fn watch_sources() {
    for file in ["commit", "../../Cargo.lock", "../../Cargo.toml"] {
        println!("cargo::rerun-if-changed={file}");
    }
    let crates = std::fs::read_dir("..").into_iter().flatten().flatten();
    for sources in crates.map(|entry| entry.path().join("src")).filter(|path| path.is_dir()) {
        println!("cargo::rerun-if-changed={}", sources.display());
    }
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if is_release && let Some(reflog) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        // Cargo takes a file that is missing for one that has changed.
        if Path::new(&reflog).exists() {
            println!("cargo::rerun-if-changed={reflog}");
        }
    }
}

/// The commit of this repository, unless these files are only unpacked within another one.
fn of_git() -> Option<String> {
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let commit = git(&["rev-parse", "HEAD"])?;
    let changed = git(&[&["status", "--porcelain", "--"][..], &SOURCES].concat())?;
    Some(short(&commit)? + if changed.is_empty() { "" } else { "+" })
}

fn of_archive() -> Option<String> {
    short(std::fs::read_to_string("commit").ok()?.trim())
}

/// `None` if it is no commit's hash, as where `git archive` did not fill it in.
fn short(commit: &str) -> Option<String> {
    let is_hash = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| commit[..DIGITS].to_owned())
}

/// The output of git in this crate's directory; `None` if it fails or is not installed.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
