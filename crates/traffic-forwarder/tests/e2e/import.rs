//! `import`: what it writes, and with the real programs, whether the converted configuration behaves as the
//! original does.

mod case;
mod files;
mod haproxy;
mod nginx;
mod rinetd;
mod scene;

use std::fs;

use tempfile::TempDir;

use crate::support::forwarder;

#[test]
fn omitted_parts_are_listed_and_fail_the_import() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("rinetd.conf");
    fs::write(&file, "0.0.0.0 18080 10.0.0.5 80\n0.0.0.0 18081 10.0.0.5 81\ndeny 1?.0.0.1\n")
        .unwrap();
    let output = dir.path().join("ours.toml");
    let import = || {
        let command = forwarder().args(["import", "--from", "rinetd", "-o"]);
        command.arg(&output).arg(&file).run()
    };
    let first = import();
    assert_eq!(first.status.code(), Some(1), "{first}");
    let place = format!(" --> {}:3\n", file.display());
    assert!(
        first.stderr.contains("not converted: `deny 1?.0.0.1`") && first.stderr.contains(&place)
    );
    assert!(first.stderr.ends_with("1 forward; left out: 1, see `not converted` above\n"));
    let check = forwarder().args(["check", "-c"]).arg(&output).run().success();
    assert!(check.text().ends_with(": 1 forward, 1 listener\n"), "{check}");
    // `import` overwrites no file.
    let second = import();
    assert_eq!(second.status.code(), Some(2), "{second}");
    let expected =
        format!("error: `{}` exists already; nothing was overwritten\n", output.display());
    assert_eq!(second.stderr, expected);
}

#[test]
fn included_files_are_relative_to_the_main_file() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("more")).unwrap();
    for (name, port) in [("b.conf", 18081), ("a.conf", 18080), ("not.me", 18082)] {
        let text = format!("server {{ listen {port}; proxy_pass 10.0.0.5:80; }}\n");
        fs::write(dir.path().join("more").join(name), text).unwrap();
    }
    let file = dir.path().join("nginx.conf");
    fs::write(&file, "stream { include more/*.conf; include none/*.conf; }\n").unwrap();
    let import = forwarder().args(["import", "--from", "nginx"]).arg(&file).run().success();
    let listens: Vec<_> = import
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("listen = ").map(str::to_owned))
        .collect();
    assert_eq!(listens, ["\"0.0.0.0:18080\"", "\"0.0.0.0:18081\""]);
}

#[test]
fn a_file_without_a_forward_is_an_error_without_output() {
    let dir = TempDir::new().unwrap();
    for (from, text, notes) in [
        ("rinetd", "", ""),
        ("rinetd", "# nothing\n", ""),
        ("haproxy", "", ""),
        ("nginx", "user www-data;\nevents { }\n", "note: `user`, `events`: not needed here\n"),
    ] {
        let (file, output) = (dir.path().join(from), dir.path().join("ours.toml"));
        fs::write(&file, text).unwrap();
        let import = || forwarder().args(["import", "--from", from]).arg(&file);
        let (printed, written) = (import().run(), import().arg("-o").arg(&output).run());
        for import in [printed, written] {
            assert_eq!(import.status.code(), Some(2), "{import}");
            assert!(import.stdout.is_empty() && import.stderr.starts_with(notes), "{import}");
            let error = format!("error: `{}` contains no forward\n", file.display());
            let last = import.stderr.lines().last().map(|line| format!("{line}\n"));
            assert_eq!(last, Some(error), "{import}");
            assert!(!notes.is_empty() || import.stderr.lines().count() == 1, "{import}");
        }
        assert!(!output.exists());
    }
}

#[test]
fn an_unreadable_file_is_an_error() {
    let missing = forwarder().args(["import", "--from", "realm", "/nowhere/realm.toml"]).run();
    assert_eq!(missing.status.code(), Some(2), "{missing}");
    assert!(missing.stderr.contains("`/nowhere/realm.toml` does not exist"), "{missing}");
    let unknown = forwarder().args(["import", "--from", "socat", "x"]).run();
    assert_eq!(unknown.status.code(), Some(2), "{unknown}");
    assert!(unknown.stderr.contains("rinetd, realm, nginx, haproxy"));
}
