//! The configuration file that a command names with `-c`, and the one that the process runs with.

use std::fs;

use tempfile::TempDir;
use testkit::{Forwarder, Listener, Place, Port, connect};

use super::{Fixture, says, started};
use crate::support::{BINARY, Config, forwarder, with_run};

/// A file with another forward than the fixture's.
fn other_file(fixture: &Fixture) -> (String, Port) {
    let new = Port::v4();
    let text = fixture.config(&[fixture.forward("new", &new, "")]);
    (fixture.console.file("new.toml", &text), new)
}

#[test]
fn a_reload_of_another_file_is_refused() {
    let fixture = Fixture::new();
    let running = started(fixture.config(&[]));
    let (other, new) = other_file(&fixture);
    let own = running.config_path().display().to_string();
    for options in [&["reload", "-c", &other][..], &["reload", "--confirm", "1h", "-c", &other]] {
        let refusal = fixture.console.refused(options, 2);
        for file in [&own, &other] {
            assert!(refusal.contains(file), "{file}: {refusal}");
        }
        assert!(refusal.ends_with("nothing was changed\n"), "{refusal}");
    }
    says(&fixture.console.done(&["status"]), &["generation 1"]);
    assert!(connect(&new).is_err(), "nothing was changed");
}

#[test]
fn answers_name_the_file_that_was_read() {
    let fixture = Fixture::new();
    let running = started(fixture.config(&[]));
    let (other, _) = other_file(&fixture);
    let own = running.config_path().display().to_string();
    let line = |file: &str| format!("\nfile: {file}\n");
    for (arguments, file) in [
        (&["plan"][..], &own),
        (&["plan", "-c", &own], &own),
        (&["plan", "-c", &other], &other),
        (&["reload", "--dry-run", "-c", &other], &other),
        (&["reload"], &own),
        (&["reload", "-c", &own], &own),
    ] {
        let answer = fixture.console.done(arguments);
        assert!(answer.text().contains(&line(file)), "{answer}");
        assert_eq!(fixture.console.json(arguments)["file"], **file);
    }
    let linked = fixture.console.path("linked.toml");
    std::os::unix::fs::symlink(&own, &linked).unwrap();
    fixture.console.done(&["reload", "-c", &linked]);
}

/// `plan -c` of a file with an own admin interface asks the process there, not the one at the defaults.
#[test]
fn plan_asks_the_process_of_the_file() {
    let fixture = Fixture::new();
    let running = started(fixture.config(&[]));
    let own = running.config_path();
    let planned = forwarder().args(["plan", "-c"]).arg(&own).run().success();
    says(&planned, &["a reload would change nothing", &own.display().to_string()]);
}

/// The address of the process cannot be read from a wrong file, and no other process answers.
#[test]
fn a_mistake_in_the_file_is_shown_and_not_hidden_by_an_absent_process() {
    let (fixture, port) = (Fixture::new(), Port::v4());
    let running = started(fixture.config(&[]));
    let own = running.config_path().display().to_string();
    let good = fixture.config(&[]);
    let itself = good.clone()
        + &format!("[[forward]]\nlisten = '{port}'\nto = '{port}'\n", port = port.addr());
    let nginx = "stream { server { listen 1; proxy_pass h:1; } }\n".to_owned();
    for (text, problem) in [
        (Some(good + "foo = 1\n"), "foo"),
        (Some(nginx), "nginx"),
        (Some(itself), "own listener"),
        (None, "does not exist"),
    ] {
        match text {
            Some(text) => running.write_config(&text),
            None => fs::remove_file(&own).unwrap(),
        }
        for command in [&["plan"][..], &["reload", "--dry-run"], &["reload"]] {
            let elsewhere = with_run(fixture.console.path("").as_ref());
            let answer = elsewhere.args(command).args(["-c", &own]).run();
            assert_eq!(answer.status.code(), Some(2), "{answer}");
            assert!(answer.stderr.contains(problem), "{problem}: {answer}");
            assert!(answer.stderr.ends_with("\n\nnothing was changed\n"), "{answer}");
            for hidden in ["no running", "--admin"] {
                assert!(!answer.stderr.contains(hidden), "{hidden}: {answer}");
            }
        }
    }
    says(&fixture.console.done(&["status"]), &["generation 1"]);
}

#[test]
fn a_relative_path_is_shown_as_an_absolute_one() {
    let (fixture, port) = (Fixture::new(), Port::v4());
    let forward = fixture.forward("new", &port, "");
    let file = fixture.console.file("relative.toml", &fixture.config(&[forward]));
    let directory = std::path::Path::new(&file).parent().unwrap().display().to_string();
    let script = format!("cd '{directory}' && exec {BINARY} -c relative.toml");
    let running = Forwarder::binary("sh").args(["-c", &script]).start();
    running.ready();
    assert_eq!(fixture.console.json(&["status"])["status"]["config"], *file);
    assert!(running.wait_for_message("ready").contains(&file));
    let check = format!("cd '{directory}' && exec {BINARY} check -c relative.toml");
    let checked = Forwarder::binary("sh").args(["-c", &check]).run().success();
    says(&checked, &[&format!("ok: {file}: 2 forwards")]);
    fs::write(&file, "nonsense = 1").unwrap();
    let refusal = fixture.console.refused(&["reload"], 2);
    assert!(refusal.contains(&file), "{refusal}");
}

/// The process listens at the address that was in force at its start.
#[test]
fn a_changed_admin_address_is_explained() {
    let fixture = Fixture::new();
    let running = started(fixture.config(&[]));
    let (new, target) = (fixture.console.path("new.sock"), Listener::bind(Place::V4));
    let config = Config::new().admin(&format!("unix:{new}"));
    running.write_config(&config.forward(Port::v4().addr(), target.addr(), "").text());
    let own = running.config_path();
    for command in ["status", "reload", "confirm"] {
        let answer = forwarder().arg(command).arg("-c").arg(&own).run();
        assert_eq!(answer.status.code(), Some(1), "{answer}");
        for words in [&*new, &own.display().to_string(), "restart", "--admin"] {
            assert!(answer.stderr.contains(words), "{words}: {answer}");
        }
    }
}

/// A process at the default socket is found although its file now names another address.
#[test]
fn a_process_at_the_default_socket_is_found_by_its_file() {
    let (run, fixture) = (TempDir::new().unwrap(), Fixture::new());
    let text = fixture.config(&[]);
    let default = text.replacen(&fixture.console.admin(), "auto", 1);
    let running = with_run(run.path()).config(default.clone()).start();
    running.ready();
    running.write_config(&text);
    let ask = |arguments: &[&str]| with_run(run.path()).args(arguments).run();
    let own = running.config_path().display().to_string();
    says(&ask(&["reload", "--confirm", "1h", "-c", &own]).success(), &["on trial"]);
    says(&ask(&["confirm", "-c", &own]).success(), &["confirmed"]);
    let other = fixture.console.file("other.toml", &text);
    let refused = ask(&["status", "-c", &other]);
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains(&format!("its process runs with {own}")), "{refused}");
}
