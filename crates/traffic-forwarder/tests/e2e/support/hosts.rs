//! Host files replaced in a private mount namespace of the forwarder.

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

/// A forwarder whose `/run` is this directory.
pub(crate) fn with_run(dir: &Path) -> ForwarderBuilder {
    with_mounts(dir, r#"mount --bind "$0" /run"#)
}

/// A forwarder started after these shell commands, with `$0` for the directory.
pub(crate) fn with_mounts(dir: &Path, mounts: &str) -> ForwarderBuilder {
    let script = format!("{mounts} && exec \"$@\"");
    let arguments = ["sh", "-c", &script, dir.to_str().unwrap(), BINARY];
    let unshare = Forwarder::binary(Tool::find("unshare").path());
    unshare.args(unshare_arguments("--mount")).args(arguments)
}
