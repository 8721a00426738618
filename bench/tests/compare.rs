//! The side-by-side run, with a peer that is always there: to a client, an echo server looks like a
//! forwarder before an echo server.

#![expect(clippy::unwrap_used, reason = "a helper of tests panics to fail its test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const TF_LOAD: &str = env!("CARGO_BIN_EXE_tf-load");

/// A CPU that the tests may use.
fn cpu() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    list.trim().split(['-', ',']).next().unwrap().to_owned()
}

/// Compares direct with the peer whose adapter is given, in `dir`.
fn compare(dir: &Path, adapter: &str, words: &str) -> Output {
    let peers = dir.join("peers");
    fs::create_dir_all(&peers).unwrap();
    fs::write(peers.join("peer.toml"), adapter).unwrap();
    let missing = "name = 'Lacking'\npackage = 'a-package'\nbinary = 'no-such-program'\n\
                   version = ['x']\ncommand = ['x']";
    fs::write(peers.join("lacking.toml"), missing).unwrap();
    let mut command = Command::new(TF_LOAD);
    command.args(["compare", "--quick", "--cpus", &cpu(), "--name", "page"]);
    command.args(words.split(' ')).stdin(Stdio::null());
    command.arg("--peers").arg(peers).arg("--out").arg(dir).output().unwrap()
}

/// An adapter for this program, started with the given arguments.
fn adapter(dir: &Path, arguments: &str) -> String {
    // Processes with the name of a peer are counted as its own, so it needs a unique one.
    let binary = dir.join("echo-peer");
    std::os::unix::fs::symlink(TF_LOAD, &binary).unwrap();
    format!(
        "name = 'Echo'\npackage = 'it'\nbinary = '{}'\nversion = ['{{binary}}', '--version']\n\
         command = ['{{binary}}', {arguments}]",
        binary.display()
    )
}

#[test]
fn a_peer_is_measured_beside_direct_and_what_it_cannot_do_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let adapter = adapter(dir.path(), "'serve', 'echo', '--listen', '{listen}'");
    let words = "--subjects direct,peer,lacking --only rr-64-x1,idle,balance,forwards";
    let output = compare(dir.path(), &adapter, words);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("Lacking is not here; to compare with it, install a-package"));
    let page = fs::read_to_string(dir.path().join("page.md")).unwrap();
    for text in [
        "Echo: cannot: its adapter can express one forward only.",
        "Echo: cannot: the number of its workers is fixed.",
        "direct: there is no forwarder.",
        "Lacking was not found; to compare with it, install a-package.",
        "(page-rr-64-x1-rate.svg)",
    ] {
        assert!(page.contains(text), "{text} is missing in\n{page}");
    }
    let json = fs::read_to_string(dir.path().join("page.json")).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    let figure = |measure: &str, subject: &str, key: &str| {
        json["measures"][measure][subject]["samples"][0][key].as_f64().unwrap_or(-1.0)
    };
    assert!(figure("rr-64-x1", "direct", "rate") > 1.0);
    assert!(figure("rr-64-x1", "peer", "rate") > 1.0 && figure("rr-64-x1", "peer", "cpu_us") > 0.0);
    // The echo server has one socket for each session, a forwarder two.
    assert!((figure("idle", "peer", "descriptors") - 1.0).abs() < 0.05);
    assert!(dir.path().join("page-rr-64-x1-rate.svg").exists());
}

#[test]
fn a_configuration_has_its_forwards() {
    let dir = tempfile::tempdir().unwrap();
    // The whole configuration is the address, so that anything else in it would be an error.
    let script = "'exec {binary} serve echo --listen $(cat {config})'";
    let adapter =
        adapter(dir.path(), "").replace("['{binary}', ]", &format!("['sh', '-c', {script}]"));
    let adapter = format!("{adapter}\nconfig = '{{forwards}}'\nforward = '{{listen}}'");
    let output = compare(dir.path(), &adapter, "--subjects peer --only rr-64-x1");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_peer_that_does_not_start_fails_the_run_with_its_own_words() {
    let dir = tempfile::tempdir().unwrap();
    let output = compare(
        dir.path(),
        &adapter(dir.path(), "'no-such-command'"),
        "--subjects peer --only crr",
    );
    assert_eq!(output.status.code(), Some(1));
    let page = fs::read_to_string(dir.path().join("page.md")).unwrap();
    assert!(page.contains("Echo: failed: Echo: it ended at once; it said: "), "{page}");
}
