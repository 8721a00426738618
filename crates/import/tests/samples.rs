//! Sample files of other forwarders. What each becomes stands next to it in `NAME.expected`: our TOML,
//! and the notes below it. `EXPECT=write cargo test -p import` writes those files anew.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use import::{Converted, Dialect, Source};
use testkit::{LIMIT, Tool, run};

fn directory(from: Dialect) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(from.as_str())
}

fn samples(from: Dialect) -> Vec<PathBuf> {
    let files = fs::read_dir(directory(from)).unwrap().map(|entry| entry.unwrap().path());
    let is_sample =
        |path: &PathBuf| path.is_file() && path.extension().is_some_and(|e| e != "expected");
    let mut files: Vec<_> = files.filter(is_sample).collect();
    files.sort();
    files
}

fn source(path: &Path) -> Source {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    Source { name, text: fs::read_to_string(path).unwrap() }
}

fn convert(from: Dialect, path: &Path) -> Converted {
    let mut include = |pattern: &str| match pattern {
        "more/*.conf" => Ok(vec![source(&directory(from).join("more/one.conf"))]),
        _ => Err("no such file".into()),
    };
    import::convert(from, &source(path), &mut include)
}

#[test]
fn samples_become_what_is_expected() {
    for from in Dialect::ALL {
        let samples = samples(from);
        assert!(samples.len() >= 2, "only {} samples of {}", samples.len(), from.as_str());
        for path in samples {
            let converted = convert(from, &path);
            rules::check_output(&converted);
            rules::check(from, &source(&path).text);
            let notes: String = converted.notes.iter().map(ToString::to_string).collect();
            let text = format!("{}\n=== notes ===\n{notes}", converted.toml);
            let expected = PathBuf::from(format!("{}.expected", path.display()));
            if std::env::var_os("EXPECT").is_some_and(|value| value == "write") {
                fs::write(&expected, &text).unwrap();
            }
            let expected = fs::read_to_string(&expected).unwrap_or_default();
            assert_eq!(text, expected, "{}", path.display());
        }
    }
}

#[test]
fn nothing_is_left_out_of_the_plain_samples() {
    for from in Dialect::ALL {
        let plain = samples(from).into_iter().find(|path| path.file_stem().unwrap() == "plain");
        let converted = convert(from, &plain.unwrap());
        assert_eq!(converted.left_out(), 0, "{}", converted.toml);
        assert!(converted.forwards > 1);
    }
}

#[test]
fn haproxy_itself_accepts_its_samples() {
    for path in samples(Dialect::Haproxy) {
        let mut command = Tool::find("haproxy").command();
        command.args(["-c", "-f"]).arg(&path).env("ADDRESS", "127.0.0.1");
        run(&mut command, LIMIT).success();
    }
}

#[test]
fn nginx_itself_accepts_its_samples() {
    // Its files are below the directory that it is given, and the modules below its own.
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("logs")).unwrap();
    fs::create_dir_all(dir.path().join("more")).unwrap();
    fs::copy(directory(Dialect::Nginx).join("more/one.conf"), dir.path().join("more/one.conf"))
        .unwrap();
    fs::write(dir.path().join("missing.conf"), "").unwrap();
    for path in samples(Dialect::Nginx) {
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("modules/", "/usr/lib/nginx/modules/");
        let file = dir.path().join(path.file_name().unwrap());
        fs::write(&file, format!("pid nginx.pid;\n{text}")).unwrap();
        let mut command = Tool::find("nginx").command();
        command.arg("-t").arg("-p").arg(dir.path()).args(["-e", "stderr", "-c"]).arg(&file);
        run(&mut command, LIMIT).success();
    }
}

/// No sample has them: HAProxy 2.6 and nginx 1.22 accept neither.
#[test]
fn multipath_tcp_of_haproxy_and_nginx_is_converted() {
    let convert = |from, text: &str| {
        let source = Source { name: "file".to_owned(), text: text.to_owned() };
        import::convert(from, &source, &mut |_| Err("no file".into()))
    };
    let bind = "listen a\n bind mptcp@127.0.0.1:80\n server s 10.0.0.1:80\n";
    let server = "listen a\n bind 127.0.0.1:80\n server s mptcp4@10.0.0.1:80\n";
    let listen = "server { listen 127.0.0.1:80 multipath; proxy_pass 10.0.0.1:80; }";
    for (from, text) in
        [(Dialect::Haproxy, bind), (Dialect::Haproxy, server), (Dialect::Nginx, listen)]
    {
        let converted = convert(from, text);
        assert_eq!((converted.forwards, converted.left_out()), (1, 0), "{}", converted.toml);
        for part in
            ["\nlisten = \"127.0.0.1:80\"\n", "\nto = \"10.0.0.1:80\"\n", "\nmptcp = true\n"]
        {
            assert!(converted.toml.contains(part), "{}", converted.toml);
        }
        let says = "clients and targets get Multipath TCP";
        assert!(converted.notes.iter().any(|note| note.message.contains(says)));
    }
    let name = convert(Dialect::Haproxy, "listen a\n bind :80\n server s mptcp4@db:80\n");
    assert_eq!(name.commented_out, 1, "{}", name.toml);
}

/// The most important notes come first, and one note has all the lines with the same cause.
#[test]
fn notes_are_sorted_by_importance_and_merged() {
    let server = "server { listen 80; proxy_ssl on; proxy_pass 10.0.0.1:80; }\n";
    let text = format!("pid x;\nstream {{\n{server}{server}{server}}}\n");
    let source = Source { name: "nginx.conf".to_owned(), text };
    let converted = import::convert(Dialect::Nginx, &source, &mut |_| Err("no file".into()));
    assert_eq!(converted.left_out(), 3, "{}", converted.toml);
    let notes: Vec<_> = converted.notes.iter().map(ToString::to_string).collect();
    let of_ssl = notes.iter().position(|note| note.contains("`proxy_ssl`")).unwrap();
    assert!(notes[of_ssl].contains("\n --> nginx.conf:3 and 2 more lines\n"), "{notes:?}");
    assert_eq!(of_ssl, 0, "{notes:?}");
    assert!(notes.last().unwrap().starts_with("note: `pid`: not needed here"), "{notes:?}");
    assert_eq!(notes.iter().filter(|note| note.contains("the first FIN")).count(), 1);
}

/// An nginx of version 1.22 accepts neither, so no sample has them.
#[test]
fn slow_start_and_resolve_of_nginx_are_converted() {
    let convert = |servers: &str| {
        let text = format!(
            "stream {{\nupstream u {{ {servers} }}\nserver {{ listen 127.0.0.1:80; proxy_pass u; }}\n}}"
        );
        let source = Source { name: "nginx.conf".to_owned(), text };
        let converted = import::convert(Dialect::Nginx, &source, &mut |_| Err("no file".into()));
        assert_eq!(converted.forwards, 1, "{}", converted.toml);
        converted
    };
    let both = "server 10.0.0.1:80 slow_start=30s; server 10.0.0.2:80 slow_start=30s;";
    let same = convert(both);
    assert_eq!(same.left_out(), 0, "{}", same.toml);
    assert!(same.toml.contains("\nslow_start = \"30s\"\n"), "{}", same.toml);
    let other = convert("server 10.0.0.1:80 slow_start=30s; server 10.0.0.2:80;");
    assert_eq!(other.left_out(), 1, "{}", other.toml);
    assert!(other.toml.contains("# not converted: nginx.conf:2: `slow_start` of `10.0.0.2:80`"));

    let resolved = convert("zone u 64k; server db.internal:5432 resolve max_conns=5;");
    let to = "to = { address = \"dns:db.internal:5432\", max_sessions = 5 }\n";
    assert!(resolved.toml.contains(to), "{}", resolved.toml);
    assert!(resolved.toml.contains("\nbalance = \"round_robin\"\n"), "{}", resolved.toml);
    let address = convert("server 10.0.0.1:80 resolve;");
    assert!(address.toml.contains("to = \"10.0.0.1:80\"\n"), "{}", address.toml);
}
