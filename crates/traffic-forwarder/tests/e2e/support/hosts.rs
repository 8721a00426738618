//! Host files replaced in a private mount namespace of the forwarder.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use testkit::{Forwarder, ForwarderBuilder, Tool};

use super::{BINARY, unshare_arguments};

/// A forwarder whose only source of names is the file `hosts` of this directory.
pub(crate) fn with_hosts(dir: &Path) -> ForwarderBuilder {
    fs::write(dir.join("nsswitch.conf"), "hosts: files\n").unwrap();
    with_mounts(
        dir,
        r#"mount --bind "$0/hosts" /etc/hosts &&
        mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf"#,
    )
}

/// A forwarder of this program whose name servers and hosts are those of this directory.
pub(crate) fn with_names(dir: &Path, binary: impl AsRef<OsStr>) -> ForwarderBuilder {
    let mounts = r#"mount --bind "$0/hosts" /etc/hosts &&
        mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf &&
        mount --bind "$0/resolv.conf" /etc/resolv.conf"#;
    of_program(dir, mounts, binary.as_ref())
}

/// A forwarder whose `/run` is this directory.
pub(crate) fn with_run(dir: &Path) -> ForwarderBuilder {
    with_mounts(dir, r#"mount --bind "$0" /run"#)
}

/// A forwarder started after these shell commands, with `$0` for the directory.
pub(crate) fn with_mounts(dir: &Path, mounts: &str) -> ForwarderBuilder {
    of_program(dir, mounts, BINARY.as_ref())
}

fn of_program(dir: &Path, mounts: &str, binary: &OsStr) -> ForwarderBuilder {
    let script = format!("{mounts} && exec \"$@\"");
    let arguments = ["sh", "-c", &script, dir.to_str().unwrap(), binary.to_str().unwrap()];
    let unshare = Forwarder::binary(Tool::find("unshare").path());
    unshare.args(unshare_arguments("--mount")).args(arguments)
}
