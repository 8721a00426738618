//! Files of prefixes that have none: a warning says what their lists do now.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Behaviour, LIMIT, Port, Target, wait_until};

use crate::support::{Config, Operated, messages};

const ALLOWS_NONE: &str =
    "a file of prefixes is empty: allow has no prefix, and refuses every client";
const DENIES_NONE: &str = "a file of prefixes is empty: deny has no prefix, and refuses no client";
const OTHERS_HOLD: &str = "a file of prefixes is empty: the other prefixes of its list hold";

struct Fixture {
    dir: TempDir,
    target: Target,
    ports: [Port; 4],
}

impl Fixture {
    fn new(prefixes: &str) -> Self {
        let fixture = Self {
            dir: TempDir::new().unwrap(),
            target: Target::start(Behaviour::Echo),
            ports: [(); 4].map(|()| Port::v4()),
        };
        fixture.write(prefixes);
        fixture
    }

    fn path(&self) -> String {
        format!("{}/list", self.dir.path().display())
    }

    fn write(&self, prefixes: &str) {
        fs::write(self.path(), prefixes).unwrap();
    }

    /// Forwards with the file: two in `allow`, one in `deny`, one beside another prefix.
    fn config(&self, process: &str) -> Config {
        let file = format!("'file:{}'", self.path());
        let lists = [
            format!("name = 'a'\nallow = {file}"),
            format!("name = 'b'\nallow = {file}"),
            format!("name = 'c'\ndeny = {file}"),
            format!("name = 'd'\nallow = [{file}, '127.0.0.1']"),
        ];
        lists
            .iter()
            .zip(&self.ports)
            .fold(Config::new().process(process), |config, (list, port)| {
                config.forward(port.addr(), self.target.addr(), list)
            })
    }

    /// The warnings: forward, number of others, level and file of each.
    fn warned(&self, operated: &Operated, message: &str) -> Vec<(String, Value)> {
        let described = |line: &Value| {
            assert_eq!(
                [&line["level"], &line["file"]],
                [&Value::from("warn"), &self.path().into()],
                "{line}"
            );
            (line["forward"].as_str().unwrap().to_owned(), line["others"].clone())
        };
        messages(operated, message).iter().map(described).collect()
    }

    /// Each kind of warning is in the log so often.
    #[track_caller]
    fn is_warned(&self, operated: &Operated, times: usize) {
        for (message, forward, others) in [
            (ALLOWS_NONE, "a", Value::from(1)),
            (DENIES_NONE, "c", Value::Null),
            (OTHERS_HOLD, "d", Value::Null),
        ] {
            let expected = vec![(forward.to_owned(), others); times];
            let what = format!("{times} times: {message}");
            wait_until(&what, LIMIT, || self.warned(operated, message) == expected);
        }
    }
}

#[test]
fn a_reload_that_empties_a_file_is_a_warning() {
    let fixture = Fixture::new("127.0.0.1\n");
    let operated = Operated::start(fixture.config(""));
    let reload = || operated.http.post("/v1/reload").success();
    fixture.is_warned(&operated, 0);
    fixture.write("# none\n");
    operated.http.post("/v1/reload?dry_run=true").success();
    fixture.is_warned(&operated, 0);
    reload();
    fixture.is_warned(&operated, 1);
    reload();
    fixture.is_warned(&operated, 1);
    fixture.write("10.0.0.0/8\n");
    reload();
    fixture.is_warned(&operated, 1);
    fixture.write("");
    reload();
    fixture.is_warned(&operated, 2);
}

#[test]
fn a_watched_file_that_is_emptied_is_a_warning() {
    let fixture = Fixture::new("127.0.0.1\n");
    let operated = Operated::start(fixture.config("watch = true"));
    fixture.write("");
    operated.wait_for_message(OTHERS_HOLD);
    fixture.is_warned(&operated, 1);
}

#[test]
fn a_start_with_an_empty_file_is_a_warning() {
    let fixture = Fixture::new("");
    let operated = Operated::start(fixture.config(""));
    fixture.is_warned(&operated, 1);
}
