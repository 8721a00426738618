//! A default build takes no profiles, and explains how to build one that does.

use std::fs;

use crate::support::{Config, Console, Operated};
use testkit::Port;

const REMEDY: &str = "make build profile=1";

fn config() -> Config {
    Config::new().forward(Port::v4().addr(), Port::v4().addr(), "")
}

#[test]
fn the_answer_explains_how_to_build_with_profiles() {
    let operated = Operated::start(config());
    for path in ["/debug/pprof/profile?seconds=1", "/debug/pprof/heap"] {
        let error = &operated.http.get(path).status(404).json()["error"];
        assert_eq!(error["code"], "no_profile", "{path}");
        assert!(error["message"].as_str().unwrap().contains(REMEDY), "{error}");
    }
    operated.http.get("/debug/pprof/profile?seconds=301").status(400);
}

#[test]
fn the_command_fails_without_writing_a_file() {
    let console = Console::new();
    let _forwarder = config().admin(&console.admin()).start();
    for kind in [&["--seconds", "1"][..], &["--heap"]] {
        let file = console.path("profile.svg");
        let said = console.refused(&[&["profile", "-o", &file], kind].concat(), 1);
        assert!(said.contains(REMEDY), "{said}");
        assert!(fs::metadata(&file).is_err());
    }
    console.refused(&["profile", "--seconds", "301", "-o", "x"], 2);
}

#[test]
fn an_unwritable_file_fails_before_the_profile_starts() {
    let console = Console::new();
    let _forwarder = config().admin(&console.admin()).start();
    // The process would answer that it takes none.
    let said = console.refused(&["profile", "-o", "/nowhere/flame.svg"], 2);
    assert!(said.contains("write /nowhere/flame.svg: no such file"), "{said}");
    let file = console.path("former.svg");
    fs::write(&file, "former").unwrap();
    console.refused(&["profile", "-o", &file], 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), "former");
}
