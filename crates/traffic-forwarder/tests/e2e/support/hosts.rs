//! Files of the host that are the test's own, in a mount namespace of the forwarder's own.

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

/// A forwarder for which these shell commands hold, where `$0` is the directory.
pub(crate) fn with_mounts(dir: &Path, mounts: &str) -> ForwarderBuilder {
    let script = format!("{mounts} && exec \"$@\"");
    let arguments = ["sh", "-c", &script, dir.to_str().unwrap(), BINARY];
    let unshare = Forwarder::binary(Tool::find("unshare").path());
    unshare.args(unshare_arguments("--mount")).args(arguments)
}
