//! Socket files of another process. A separate test process, because a child that has not called
//! execve(2) yet holds copies of the descriptors of all tests in the process.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use sys::SocketFile;

/// Path of the socket in the environment of the other process.
const LISTEN_AT: &str = "TEST_LISTEN_AT";

/// Runs this test program again, and waits until it listens at `path`.
fn listening(path: &Path) -> Child {
    let other = Command::new(std::env::current_exe().expect("this test program"))
        .args(["--exact", "a_file_of_another_process_is_left"])
        .env(LISTEN_AT, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the other process");
    let deadline = Instant::now() + Duration::from_secs(10);
    while sys::listen::unix_owner(path) != Some(other.id()) {
        assert!(Instant::now() < deadline, "the other process does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    other
}

#[test]
fn a_file_of_another_process_is_left() {
    if let Some(path) = std::env::var_os(LISTEN_AT) {
        let _socket = sys::listen::unix(path.as_ref(), &flow::SocketRights::AUTO).unwrap();
        // Until the end of the first process, which may fail before it ends this one.
        std::io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    assert!(SocketFile::of_this_process(&path).is_none(), "no file");
    let socket = sys::listen::unix(&path, &flow::SocketRights::AUTO).unwrap();
    drop(SocketFile::of_this_process(&path).unwrap());
    assert!(!path.exists(), "this process's own file");
    drop(socket);
    let mut other = listening(&path);
    assert!(SocketFile::of_this_process(&path).is_none());
    assert!(path.exists(), "another process listens");
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(SocketFile::of_this_process(&path).is_none(), "no process listens");
    assert!(path.exists());
}
