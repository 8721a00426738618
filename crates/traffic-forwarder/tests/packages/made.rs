//! The packages, made of the binary under test by the scripts that `make dist` uses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use testkit::{LIMIT, Tool, run};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_traffic-forwarder");
/// Packing takes a while on a machine that does much else.
const PACKING: Duration = Duration::from_secs(300);
/// Any time that is long ago.
const EPOCH: &str = "1700000000";

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Runs one of the scripts and returns what it writes to stdout.
pub(crate) fn script(name: &str, version: &str, arguments: &[&Path]) -> String {
    let mut command = Command::new("sh");
    command.arg(Path::new("scripts/dist").join(name)).args(arguments).current_dir(root());
    // Good compression is not what is tested.
    command.env("DPKG_DEB_COMPRESSOR_LEVEL", "0").env("VERSION", version);
    command.env("SOURCE_DATE_EPOCH", EPOCH).env("CARGO", env!("CARGO"));
    run(&mut command, PACKING).success().text()
}

/// The binary without its names for debuggers, as it is packed.
fn stripped() -> &'static Path {
    static STRIPPED: OnceLock<PathBuf> = OnceLock::new();
    STRIPPED.get_or_init(|| {
        // It stays beside the binary; each process of tests writes the same.
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stripped");
        let own = path.with_extension(std::process::id().to_string());
        Tool::find("strip").run([Path::new("-o"), &own, Path::new(BINARY)], LIMIT);
        fs::rename(own, &path).unwrap();
        path
    })
}

/// Makes the Debian package of a version.
pub(crate) fn debian_package(version: &str, into: &Path) -> PathBuf {
    script("deb.sh", version, &[stripped(), licences(), into]);
    let packages = fs::read_dir(into).unwrap().map(|entry| entry.unwrap().path());
    let of_version = format!("traffic-forwarder_{version}_");
    let is_it = |path: &PathBuf| path.to_string_lossy().contains(&of_version);
    packages.into_iter().find(is_it).expect("the script makes it")
}

/// Makes the tar file of a version, and returns the name of its top directory.
pub(crate) fn tar_file(version: &str, into: &Path) -> String {
    script("tarball.sh", version, &[stripped(), licences(), into]);
    format!("traffic-forwarder-{version}-{}-linux", std::env::consts::ARCH)
}

/// A file in the place of the licences, whose making has a test of its own.
fn licences() -> &'static Path {
    static WRITTEN: OnceLock<PathBuf> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("licences");
        fs::write(&path, "the licences of all crates\n").unwrap();
        path
    })
}
