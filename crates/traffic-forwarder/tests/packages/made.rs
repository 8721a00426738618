//! Packages of the binary under test, made by the scripts of `make dist`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use testkit::{LIMIT, Tool, run};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_traffic-forwarder");
/// Bound for packing on a busy machine.
const PACKING: Duration = Duration::from_secs(300);
/// An arbitrary time in the past.
const EPOCH: &str = "1700000000";

/// Root directory of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Runs a script of `scripts/dist` and returns its standard output.
pub(crate) fn script(name: &str, version: &str, arguments: &[&Path]) -> String {
    let mut command = Command::new("sh");
    command.arg(Path::new("scripts/dist").join(name)).args(arguments).current_dir(root());
    // Fast compression: its ratio is not tested.
    command.env("DPKG_DEB_COMPRESSOR_LEVEL", "0").env("VERSION", version);
    command.env("SOURCE_DATE_EPOCH", EPOCH).env("CARGO", env!("CARGO"));
    run(&mut command, PACKING).success().text()
}

/// The binary without debug symbols, as in packages.
fn stripped() -> &'static Path {
    static STRIPPED: OnceLock<PathBuf> = OnceLock::new();
    STRIPPED.get_or_init(|| {
        // Stays beside the binary; every test process writes the same bytes.
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stripped");
        let own = path.with_extension(std::process::id().to_string());
        Tool::find("strip").run([Path::new("-o"), &own, Path::new(BINARY)], LIMIT);
        fs::rename(own, &path).unwrap();
        path
    })
}

/// Makes the Debian package of a version, and returns its path.
pub(crate) fn debian_package(version: &str, into: &Path) -> PathBuf {
    script("deb.sh", version, &[stripped(), licences(), into]);
    let packages = fs::read_dir(into).unwrap().map(|entry| entry.unwrap().path());
    let of_version = format!("traffic-forwarder_{version}_");
    let is_it = |path: &PathBuf| path.to_string_lossy().contains(&of_version);
    packages.into_iter().find(is_it).expect("the script makes it")
}

/// Makes the tar file of a version for a system, `linux` or `linux-gnu`, and returns the name of its
/// top directory.
pub(crate) fn tar_file(version: &str, system: &str, into: &Path) -> String {
    script("tarball.sh", version, &[stripped(), Path::new(system), licences(), into]);
    format!("traffic-forwarder-{version}-{}-{system}", std::env::consts::ARCH)
}

/// A placeholder for the licences file, which another test covers.
fn licences() -> &'static Path {
    static WRITTEN: OnceLock<PathBuf> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("licences");
        fs::write(&path, "the licences of all crates\n").unwrap();
        path
    })
}
