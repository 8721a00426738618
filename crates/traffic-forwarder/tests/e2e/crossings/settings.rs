//! All settings at once: each has a first value and a second one in the new file. A dry run of a
//! third file shows which of the two is in force.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use plan::{Effect, Section, settings};
use serde_json::Value;
use tempfile::TempDir;
use testkit::crossings::{Crossing, of_setting};
use testkit::{Behaviour, Forwarder, Http, LIMIT, Port, Script, Target, connect, wait_until};

use super::values::{
    Values, given, values_of_a_check, values_of_a_client, values_of_connections, values_of_headers,
};
use crate::support::{BINARY, forwarder, messages, ping, play};

/// Index of the first value in [`Values`].
const FIRST: usize = 0;
const OTHER: usize = 1;
const PROBE: usize = 2;

struct Fixture {
    forwarder: Forwarder,
    http: Http,
    dir: TempDir,
    values: BTreeMap<(&'static str, &'static str), Values>,
    listens: [Port; 3],
    targets: [Target; 2],
}

/// Values of a setting that is unset at first.
fn unset(other: &str, probe: &str) -> Values {
    [None, Some(other.to_owned()), Some(probe.to_owned())]
}

/// The settings of `[process]` whose values are the same in each run.
fn values_of_process() -> Vec<(&'static str, &'static str, Values)> {
    let durations = ["\"11s\"", "\"12s\"", "\"13s\""];
    let bools = ["false", "true", "true"];
    vec![
        ("[process]", "workers", given(["1", "2", "3"])),
        ("[process]", "max_sessions", given(["900", "800", "700"])),
        ("[process]", "spin", given(["\"off\"", "\"50us\"", "\"1ms\""])),
        ("[process]", "shutdown_timeout", given(durations)),
        ("[process]", "removed_timeout", given(durations)),
        ("[process]", "watch", given(bools)),
        ("[process]", "admin_mode", unset("\"0660\"", "\"0640\"")),
        ("[process]", "admin_group", unset("\"nogroup\"", "\"daemon\"")),
        ("[process]", "metrics", given(["\"off\"", "\"127.0.0.1:3\"", "\"127.0.0.1:4\""])),
        ("[process]", "user", unset("\"nobody\"", "\"daemon\"")),
        ("[process]", "group", unset("\"nogroup\"", "\"daemon\"")),
        ("[process]", "sandbox", given(bools)),
    ]
}

/// All settings whose values are the same in each run.
fn fixed_values() -> BTreeMap<(&'static str, &'static str), Values> {
    let durations = ["\"11s\"", "\"12s\"", "\"13s\""];
    let rows = [
        ("[log]", "level", given(["\"info\"", "\"debug\"", "\"warn\""])),
        ("[log]", "format", given(["\"json\"", "\"text\"", "\"text\""])),
        ("[log]", "sessions", given(["true", "false", "false"])),
        ("[log]", "rotate_size", given(["\"1MiB\"", "\"2MiB\"", "\"3MiB\""])),
        ("[log]", "rotate_age", given(["\"1h\"", "\"2h\"", "\"3h\""])),
        ("[log]", "keep", given(["5", "6", "7"])),
        ("[[forward]]", "name", given(["\"first\"", "\"other\"", "\"third\""])),
        ("[defaults]", "connect_timeout", given(durations)),
        ("[defaults]", "idle_timeout", given(durations)),
        ("[defaults]", "half_close_timeout", given(durations)),
        ("[defaults]", "max_age", given(durations)),
        ("[defaults]", "max_sessions", given(["11", "12", "13"])),
        ("[defaults]", "at_limit", given(["\"refuse\"", "\"wait\"", "\"wait\""])),
        ("[defaults]", "on_refusal", given(["\"reset\"", "\"fin\"", "\"fin\""])),
        ("[defaults]", "user_timeout", given(durations)),
        ("[defaults]", "path", given(["\"auto\"", "\"copy\"", "\"splice\""])),
        ("[defaults]", "balance", given(["\"least\"", "\"first\"", "\"source\""])),
        ("[defaults]", "none_up", given(["\"try\"", "\"refuse\"", "\"refuse\""])),
        ("[defaults]", "on_down", given(["\"keep\"", "\"reset\"", "\"reset\""])),
        ("[defaults]", "slow_start", given(durations)),
        ("[defaults]", "allow", given(["\"127.0.0.0/8\"", "\"127.0.0.1\"", "\"127.0.0.2\""])),
        ("[defaults]", "deny", given(["\"10.0.0.0/8\"", "\"10.0.0.1\"", "\"10.0.0.2\""])),
        ("[defaults]", "share", given(["8", "0.5", "\"off\""])),
        ("to", "weight", given(["2", "3", "4"])),
        // A value that differs from the default: others are not rendered.
        ("to", "backup", given(["true", "true", "true"])),
        ("to", "max_sessions", given(["5", "6", "7"])),
        ("passive", "failures", given(["4", "5", "6"])),
        ("passive", "down", given(["\"3s\"", "\"4s\"", "\"5s\""])),
        ("passive", "down_max", given(durations)),
        ("keepalive", "idle", given(durations)),
        ("keepalive", "interval", given(["\"3s\"", "\"4s\"", "\"5s\""])),
        ("keepalive", "count", given(["3", "4", "5"])),
    ];
    let rows = rows
        .into_iter()
        .chain(values_of_process())
        .chain(values_of_headers())
        .chain(values_of_connections());
    let rows = rows.chain(values_of_a_check()).chain(values_of_a_client());
    rows.map(|(section, key, values)| ((section, key), values)).collect()
}

impl Fixture {
    fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let listens = [(); 3].map(|()| Port::v4());
        let targets = [(); 2].map(|()| Target::start(Behaviour::Echo));
        let path = |name: &str| format!("\"{}/{name}\"", dir.path().display());
        let address = |address: String| Some(format!("\"{address}\""));
        let mut values = fixed_values();
        let admin = format!("unix:{}/admin.sock", dir.path().display());
        values.insert(
            ("[process]", "admin"),
            given([&format!("\"{admin}\""), "\"127.0.0.1:1\"", "\"127.0.0.1:2\""]),
        );
        let tokens = unset(&path("token"), &path("other-token"));
        values.insert(("[process]", "admin_token_file"), tokens);
        values.extend(values_of_a_fleet(dir.path()));
        values.insert(("[log]", "file"), unset(&path("other.log"), &path("third.log")));
        let listen = [0, 1, 2].map(|at| address(listens[at].addr().to_string()));
        values.insert(("[[forward]]", "listen"), listen);
        let to = |at: usize| targets[at].addr().tcp().to_string();
        let to = [to(0), to(1), "127.0.0.1:9".to_owned()].map(address);
        values.insert(("to", "address"), to);
        let tables: [(_, _, &[&str]); 8] = [
            ("[[forward]]", "route", &["sni", "alpn", "to"]),
            (
                "[[forward]]",
                "to",
                &["address", "weight", "backup", "max_sessions", "send_proxy", "pass_tlvs"],
            ),
            ("[defaults]", "keepalive", &["idle", "interval", "count"]),
            ("[defaults]", "accept_proxy", &["from", "timeout"]),
            ("[defaults]", "per_client", &["sessions", "new", "burst", "prefix", "exempt"]),
            ("[defaults]", "rate", &["up", "down"]),
            ("[defaults]", "passive", &["failures", "down", "down_max"]),
            ("[defaults]", "check", &["send", "expect", "every", "timeout", "fall", "rise"]),
        ];
        for (section, table_key, keys) in tables {
            let tables = [FIRST, OTHER, PROBE].map(|at| {
                let value = |key| values[&(table_key, key)][at].clone().unwrap();
                let entries = keys.iter().map(|&key| format!("{key} = {}", value(key)));
                let table = format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "));
                Some(if table_key == "route" { format!("[{table}]") } else { table })
            });
            values.insert((section, table_key), tables);
        }
        let text = text(&values, FIRST, dir.path());
        let forwarder = forwarder().config(text).start();
        forwarder.ready();
        let http = Http::new(dir.path().join("admin.sock"));
        Self { forwarder, http, dir, values, listens, targets }
    }

    fn write(&self, which: usize) {
        self.forwarder.write_config(&text(&self.values, which, self.dir.path()));
    }

    fn status(&self) -> Value {
        self.http.json("/v1/status")
    }

    fn upgrade(&self) {
        let upgrades = self.status()["upgrades"].as_u64().unwrap();
        self.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
        let arrived = || messages(&self.forwarder, "upgraded").len() as u64 > upgrades;
        wait_until("the next image", LIMIT, arrived);
    }

    /// Carries out this transition from the first values to the new ones.
    fn cross(&self, crossing: Crossing) {
        let falls_back = matches!(crossing, Crossing::FallBack | Crossing::FallBackAfterUpgrade);
        self.write(OTHER);
        let path = if falls_back { super::TRIAL } else { "/v1/reload" };
        let report = self.http.post(path).success().json();
        if matches!(crossing, Crossing::Upgrade | Crossing::FallBackAfterUpgrade) {
            self.upgrade();
        }
        if falls_back {
            wait_until("the fall-back", LIMIT, || {
                self.status()["generation"] != report["generation"]
            });
        }
    }

    /// The value in force of each setting, by a dry run of the third file.
    fn seen(&self) -> BTreeMap<(&'static str, &'static str), Option<String>> {
        let probe = self.dir.path().join("probe.conf");
        fs::write(&probe, text(&self.values, PROBE, self.dir.path())).unwrap();
        let query = format!("/v1/reload?dry_run=true&file={}", probe.display());
        let report = self.http.post(&query).success().json();
        let old = |change: &Value| change["old"].as_str().map(str::to_owned);
        let of = |changes: &Value, key: &str| {
            changes.as_array().unwrap().iter().find(|change| change["key"] == key).map(old)
        };
        let of_process = |section: &str, key: &str| {
            let changes = report["settings"].as_array().unwrap();
            changes.iter().find(|change| is_of(change, section, key)).map(old)
        };
        let main = report["changed"].as_array().unwrap().iter().find(|it| it["name"] == "main");
        let main = &main.unwrap()["changes"];
        let keys = self.values.keys().copied();
        let value = |(section, key): (&'static str, &'static str)| {
            let found = match (section, key) {
                (section @ ("[process]" | "[log]" | "[fleet]"), key) => of_process(section, key),
                (_, "name") => Some(Some(report["removed"][0]["name"].to_string())),
                (
                    table @ ("keepalive" | "passive" | "check" | "accept_proxy" | "per_client"
                    | "rate" | "route" | "to"),
                    key,
                ) => of(main, table).map(|value| part(&value.unwrap(), key)),
                (_, key) => of(main, key),
            };
            // A setting without a difference has the probe's value.
            let value = found.unwrap_or_else(|| self.values[&(section, key)][PROBE].clone());
            ((section, key), value)
        };
        keys.map(value).collect()
    }

    /// Checks the behaviour of the process, for settings whose effect shows quickly.
    #[track_caller]
    fn does_as_configured(&self, with: usize, crossing: Crossing) {
        let status = self.status();
        assert_eq!(status["workers"], 1, "{crossing:?}");
        let max = self.values[&("[process]", "max_sessions")][with].as_ref().unwrap();
        assert_eq!(&status["max_sessions"].to_string(), max, "{crossing:?}");
        assert!(!self.dir.path().join("other.log").exists(), "{crossing:?}");
        let lines = self.forwarder.stderr();
        let before = lines.len();
        for at in [FIRST, OTHER] {
            assert_eq!(connect(&self.listens[at]).is_ok(), at == with, "{crossing:?}");
        }
        let client = connect(&self.listens[with]).unwrap();
        play(&client, Script::new().write_bytes("PROXY UNKNOWN\r\n"));
        ping(&client);
        drop(client);
        let new = || {
            let lines = self.forwarder.stderr();
            let new =
                lines[before..].iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
            new.collect::<Vec<_>>()
        };
        let is_debug = |line: &Value| line["level"] == "debug";
        let is_record = |line: &Value| line["message"] == "session ended";
        // With the first values the log has records but no steps, then steps but no records.
        wait_until("the log lines of a session", LIMIT, || {
            new().iter().any(|line| if with == FIRST { is_record(line) } else { is_debug(line) })
        });
        let other = |line: &Value| if with == FIRST { is_debug(line) } else { is_record(line) };
        assert!(!new().iter().any(other), "{crossing:?}: {:?}", new());
        assert_eq!(self.targets.len(), 2);
    }

    #[track_caller]
    fn is_as_the_table_says(&self, column: usize) {
        let crossing = Crossing::ALL[column];
        let (seen, status) = (self.seen(), self.status());
        let waiting: Vec<_> = status["waiting"].as_array().unwrap().iter().collect();
        let forward = self.http.json("/v1/forwards/main");
        for setting in settings() {
            let key = (header(setting.section), setting.key);
            let cell = of_setting(setting.effect.explanation()).unwrap()[column];
            let with =
                if matches!(cell, "back" | "waits" | "waits no longer") { FIRST } else { OTHER };
            let expected = &self.values[&key][with];
            assert_eq!(&seen[&key], expected, "{key:?} after {crossing:?}");
            let waits = waiting.iter().find(|it| is_of(it, key.0, setting.key));
            assert_eq!(waits.is_some(), cell == "waits", "{key:?} after {crossing:?}");
            if let Some(waits) = waits.filter(|_| setting.effect == Effect::Restart) {
                let values =
                    [&waits["old"], &waits["new"]].map(|it| it.as_str().map(str::to_owned));
                assert_eq!(values, self.values[&key][..2], "{key:?} after {crossing:?}");
            }
            if setting.section == Section::ForwardDefaults {
                let runs = forward["settings"][setting.key].as_str().map(str::to_owned);
                assert_eq!(&runs, expected, "{key:?} after {crossing:?}, of the forward that runs");
            }
        }
    }
}

/// The value of a key in an inline table.
fn part(table: &str, key: &str) -> Option<String> {
    let rest = table.split(&format!("{key} = ")).nth(1)?;
    let list = rest.starts_with('[').then(|| rest.split_inclusive(']').next());
    list.unwrap_or_else(|| rest.split([',', ' ']).next()).map(str::to_owned)
}

/// Whether a change is that of a setting of the process.
fn is_of(change: &Value, section: &str, key: &str) -> bool {
    change["key"] == key && change["section"] == section
}

/// The settings of `[fleet]`. No store is there: the process serves its local forwards.
fn values_of_a_fleet(dir: &Path) -> Vec<((&'static str, &'static str), Values)> {
    let from = ["a", "b", "c"].map(|prefix| Some(format!("\"etcds://127.0.0.1:1/{prefix}\"")));
    let name = given(["\"edge-1\"", "\"edge-2\"", "\"edge-3\""]);
    let files = |key: &str| [1, 2, 3].map(|it| Some(format!("\"{}/{key}-{it}\"", dir.display())));
    let user = given(["\"one\"", "\"two\"", "\"three\""]);
    let mut values = vec![("from", from), ("name", name), ("user", user)];
    let of_files = ["keep", "password_file", "ca", "certificate", "key"];
    values.extend(of_files.map(|key| (key, files(key))));
    values.into_iter().map(|(key, values)| (("[fleet]", key), values)).collect()
}

/// The table under which a row is looked up: a forward's settings stand in `[defaults]`.
fn header(section: Section) -> &'static str {
    section.header()
}

fn text(
    values: &BTreeMap<(&'static str, &'static str), Values>,
    which: usize,
    dir: &Path,
) -> String {
    let lines = |section: &str| {
        let mut lines = String::new();
        for ((_, key), values) in values.iter().filter(|((of, _), _)| *of == section) {
            if let Some(value) = &values[which] {
                writeln!(lines, "{key} = {value}").unwrap();
            }
        }
        lines
    };
    let own = |key| values[&("[[forward]]", key)][which].as_ref().unwrap();
    format!(
        "[process]\n{}[log]\n{}[fleet]\n{}[[forward]]\nname = 'main'\nlisten = {}\nto = {}\nroute = {}\n{}\
         [[forward]]\nname = {}\nlisten = 'unix:{}/named'\nto = 'h:1'\n",
        lines("[process]"),
        lines("[log]"),
        lines("[fleet]"),
        own("listen"),
        own("to"),
        own("route"),
        lines("[defaults]"),
        own("name"),
        dir.display(),
    )
}

#[test]
fn every_setting_crosses_as_documented() {
    let fixture = Fixture::start();
    let all = settings().iter().map(|setting| (header(setting.section), setting.key));
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    assert_eq!(fixture.values.keys().copied().collect::<Vec<_>>(), all, "a row for each setting");
    for (column, crossing) in Crossing::ALL.into_iter().enumerate() {
        fixture.cross(crossing);
        fixture.is_as_the_table_says(column);
        let back = matches!(crossing, Crossing::FallBack | Crossing::FallBackAfterUpgrade);
        fixture.does_as_configured(if back { FIRST } else { OTHER }, crossing);
        fixture.write(FIRST);
        fixture.http.post("/v1/reload").success();
        assert_eq!(fixture.status()["waiting"].as_array().unwrap().len(), 0);
    }
}
