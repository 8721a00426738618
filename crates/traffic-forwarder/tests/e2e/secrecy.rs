//! Protection from other users of the host: they cannot write to our files, connect to our sockets,
//! or read our memory.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use testkit::{Forwarder, LIMIT, Port, Signal, wait_until};

use crate::support::{Config, Console, forwarder};

/// A forwarder started by a shell after `preparation`.
fn prepared(preparation: &str, config: &Config) -> Forwarder {
    let script = format!(r#"{preparation} && exec "$0" "$@""#);
    forwarder().through("sh", ["-c".to_owned(), script]).config(config.text()).start()
}

/// All files and sockets in a directory, with their modes.
fn modes(directory: &Path) -> Vec<(PathBuf, u32)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.path(), entry.metadata().unwrap().mode() & 0o777)).collect()
}

#[test]
fn nothing_is_world_writable_under_any_umask() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let config = Config::new()
        .admin(&format!("unix:{}", at("admin.sock")))
        .log(&format!("file = '{}'\nrotate_size = '1KiB'\nlevel = 'debug'", at("log")))
        .forward(format!("unix:{}", at("forward.sock")), "127.0.0.1:9", "");
    let forwarder = prepared("umask 0", &config);
    let logged = || fs::read_to_string(at("log")).is_ok_and(|text| text.contains("ready"));
    wait_until("ready", LIMIT, logged);
    // Each reload logs lines, until the file is rotated.
    wait_until("a rotated log", LIMIT, || {
        forwarder.signal(Signal::HUP);
        dir.path().join("log.1").exists()
    });
    let modes = modes(dir.path());
    let sockets = modes.iter().filter(|(path, _)| {
        fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
    });
    assert_eq!(sockets.count(), 2, "{modes:?}");
    assert!(modes.len() >= 4 && modes.iter().all(|(_, mode)| mode & 0o002 == 0), "{modes:?}");
}

#[test]
fn a_process_that_holds_a_token_leaves_no_core_dump() {
    let (console, port, admin) = (Console::new(), Port::v4(), Port::v4());
    let token = console.file("token", "0123456789abcdef0123456789abcdef");
    let config = Config::new()
        .admin(&admin.addr().to_string())
        .process(&format!("admin_token_file = '{token}'"))
        .forward(port.addr(), "127.0.0.1:9", "");
    // Where the host forbids core dumps anyway, the test proves nothing.
    let forwarder = prepared("{ ulimit -c unlimited || true; }", &config);
    forwarder.ready();
    forwarder.signal(Signal::ABORT);
    let status = forwarder.wait_exit(LIMIT);
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{status}");
    assert!(!status.core_dumped());
}
