//! Names of the test's own, in a mount namespace of the forwarder's own.

use std::fs;
use std::path::Path;

use testkit::{Forwarder, ForwarderBuilder, Tool};

use super::{BINARY, unshare_arguments};

/// A forwarder whose only source of names is the file `hosts` of this directory.
pub(crate) fn with_hosts(dir: &Path) -> ForwarderBuilder {
    const MOUNTS: &str = r#"mount --bind "$0/hosts" /etc/hosts &&
        mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf && exec "$@""#;
    fs::write(dir.join("nsswitch.conf"), "hosts: files\n").unwrap();
    Forwarder::binary(Tool::find("unshare").path()).args(unshare_arguments("--mount")).args([
        "sh",
        "-c",
        MOUNTS,
        dir.to_str().unwrap(),
        BINARY,
    ])
}
