//! Files that `import` reads: the one on the command line, and those that it names.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use testkit::{Finished, Forwarder, LIMIT, Tool};

use crate::support::{BINARY, forwarder};

const RULE: &str = "127.0.0.1 24066 127.0.0.1 9\n";

fn pipe(path: &Path) {
    Tool::find("mkfifo").run([path], LIMIT).success();
}

/// Imports a file `main` of nginx with this text.
fn nginx(dir: &TempDir, text: &str) -> Finished {
    let main = dir.path().join("main");
    fs::write(&main, text).unwrap();
    forwarder().args(["import", "--from", "nginx"]).arg(main).run()
}

/// Files that cannot be read, or that have no end, with the reason.
fn unfit(dir: &TempDir) -> [(&'static str, &'static str); 8] {
    let path = |name: &str| dir.path().join(name);
    pipe(&path("pipe"));
    fs::create_dir(path("directory")).unwrap();
    fs::File::create(path("large")).unwrap().set_len(17 << 20).unwrap();
    fs::create_dir(path("many")).unwrap();
    fs::create_dir(path("heavy")).unwrap();
    for nth in 0..300 {
        fs::write(path("many").join(format!("{nth}.conf")), "").unwrap();
    }
    for nth in 0..3 {
        let comment = format!("#{}\n", " ".repeat(6 << 20));
        fs::write(path("heavy").join(format!("{nth}.conf")), comment).unwrap();
    }
    [
        ("pipe", "pipe` is not a regular file"),
        ("directory", "directory` is a directory"),
        ("large", "large` is larger than 16 MiB"),
        ("missing", "missing` does not exist"),
        ("/dev/zero", "`/dev/zero` is not a regular file"),
        ("many/*.conf", "it matches more than 256 files"),
        ("heavy/*.conf", "its files have more than 16 MiB together"),
        ("/etc/passwd", "/etc/passwd:"),
    ]
}

/// One note for each, with its line, wherever it stands.
#[test]
fn an_include_of_no_regular_file_is_noted_once() {
    let dir = TempDir::new().unwrap();
    for (name, reason) in unfit(&dir) {
        let server = "server { listen 127.0.0.1:24067; proxy_pass 127.0.0.1:9; }";
        let two = format!("{server}\n{}", server.replace("24067", "24068"));
        let map = "server { listen 127.0.0.1:24067; ssl_preread on; proxy_pass $t; }";
        for text in [
            format!("include {name};\nstream {{\n{server}\n}}\n"),
            format!("stream {{\ninclude {name};\n{two}\n}}\n"),
            format!("stream {{\ninclude {name};\n}}\n"),
            format!("stream {{\nserver {{\ninclude {name};\n{}\n}}\n", &server[8..]),
            format!(
                "stream {{ upstream u {{ server a:1;\ninclude {name};\n}}\n{} }}",
                server.replace("127.0.0.1:9;", "u;")
            ),
            format!("stream {{ map $ssl_preread_server_name $t {{\ninclude {name};\n}}\n{map} }}"),
        ] {
            let import = nginx(&dir, &text);
            let line = text.lines().position(|line| line.starts_with("include")).unwrap() + 1;
            let about = format!("not converted: `include` `{name}`: ");
            let notes: Vec<_> = import.stderr.split(" --> ").collect();
            let at = notes.iter().position(|note| note.contains(&about)).unwrap();
            assert!(notes[at].contains(reason), "{import}");
            let place = format!("{}:{line}\n", dir.path().join("main").display());
            assert!(notes[at + 1].starts_with(&place), "{import}");
            assert_eq!(import.stderr.matches(&about).count(), 1, "{import}");
        }
    }
}

#[test]
fn files_that_include_each_other_are_noted_with_their_line() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("other"), "# x\ninclude again;\n").unwrap();
    fs::write(dir.path().join("again"), "include other;\n").unwrap();
    let import = nginx(&dir, "stream {\n include other;\n}\n");
    assert_eq!(import.status.code(), Some(2), "{import}");
    let place = format!(" --> {}:1\n", dir.path().join("again").display());
    assert!(import.stderr.contains("files include each other more than 8 deep"), "{import}");
    assert!(import.stderr.contains(&place), "{import}");
}

#[test]
fn a_file_of_patterns_that_is_not_regular_is_noted() {
    let dir = TempDir::new().unwrap();
    let main = dir.path().join("main");
    for (name, reason) in unfit(&dir).into_iter().take(5) {
        let rule = format!("tcp-request connection reject if {{ src -f {name} }}");
        let text = format!("listen a\n bind 127.0.0.1:24069\n {rule}\n server s 127.0.0.1:9\n");
        fs::write(&main, text).unwrap();
        let import = forwarder().args(["import", "--from", "haproxy"]).arg(&main).run();
        assert_eq!(import.status.code(), Some(1), "{import}");
        let about = format!("not converted: `-f` `{name}`: ");
        let lines: Vec<_> = import.stderr.lines().collect();
        let at = lines.iter().position(|line| line.starts_with(&about)).unwrap();
        assert!(lines[at].contains(reason), "{import}");
        assert_eq!(lines[at + 1], format!(" --> {}:3", main.display()));
    }
}

/// A pipe is read if the caller has opened it, not by its name.
#[test]
fn the_imported_file_is_regular_or_opened_by_the_caller() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("rules"), RULE).unwrap();
    pipe(&dir.path().join("pipe"));
    fs::File::create(dir.path().join("large")).unwrap().set_len(17 << 20).unwrap();
    let shell = |line: &str| {
        let script = format!(
            "cd '{}' && tf='{BINARY} import --from rinetd' && {line}",
            dir.path().display()
        );
        Forwarder::binary("sh").args(["-c", &script]).run()
    };
    for line in [
        "$tf rules",
        "$tf - <rules",
        "cat rules | $tf -",
        "$tf /dev/stdin <rules",
        "cat rules | $tf /dev/stdin",
        "cat rules | $tf /dev/fd/0",
        "cat rules | $tf /proc/self/fd/0",
        "{ cat rules | $tf /dev/fd/3 3<&0 4<&-; }",
        "$tf /dev/fd/3 3<rules",
    ] {
        let import = shell(line).success();
        assert!(import.text().contains("\"127.0.0.1:24066\"\n"), "{line}: {import}");
    }
    for (line, error) in [
        ("$tf pipe", "`pipe` is not a regular file"),
        ("$tf .", "`.` is a directory"),
        ("$tf large", "`large` is larger than 16 MiB"),
        ("$tf /dev/zero", "`/dev/zero` is not a regular file"),
        ("$tf - </dev/zero", "`standard input` is larger than 16 MiB"),
        ("yes | $tf -", "`standard input` is larger than 16 MiB"),
        ("yes | $tf /dev/stdin", "`/dev/stdin` is larger than 16 MiB"),
    ] {
        let import = shell(line);
        assert_eq!(import.status.code(), Some(2), "{line}: {import}");
        assert!(import.stderr.contains(&format!("error: {error}")), "{line}: {import}");
    }
}

/// The samples of the converter, through both commands.
#[test]
fn the_result_of_each_sample_passes_check() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../import/tests/samples");
    let dir = TempDir::new().unwrap();
    let mut checked = 0;
    for from in ["rinetd", "realm", "nginx", "haproxy"] {
        for entry in fs::read_dir(samples.join(from)).unwrap() {
            let file = entry.unwrap().path();
            let is_sample = file.extension().is_some_and(|it| it != "expected");
            if file.is_dir() || !is_sample {
                continue;
            }
            let name = file.file_name().unwrap().to_string_lossy();
            let output = dir.path().join(format!("{from}-{name}"));
            let command = forwarder().args(["import", "--from", from, "-o"]);
            let import = command.arg(&output).arg(&file).run();
            if !fs::read_to_string(&output).unwrap_or_default().contains("\n[[forward]]\n") {
                assert_ne!(import.status.code(), Some(0), "{import}");
                continue;
            }
            forwarder().args(["check", "-c"]).arg(&output).run().success();
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked}");
}
