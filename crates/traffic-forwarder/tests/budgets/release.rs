//! The release binary. The test profile's is no measure: its code is not optimized, and Rust's
//! standard library checks each closed descriptor with an additional system call.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use testkit::run;

/// Bound for a full build on a slow machine.
const LIMIT: Duration = Duration::from_secs(1800);

/// Builds the release binary unless it is up to date.
pub(crate) fn binary() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target_dir =
            Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a parent directory");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--release", "--package", "traffic-forwarder"]);
        cargo.args(["--bin", "traffic-forwarder", "--message-format=json", "--target-dir"]);
        cargo.arg(target_dir).current_dir(env!("CARGO_MANIFEST_DIR"));
        let messages = run(&mut cargo, LIMIT).success().text();
        let executable = messages.lines().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        executable.expect("cargo says where the binary is")
    })
}
