//! The examples of docs/fleet.md fit each other: addresses, prefixes and users are the same in the files of etcd,
//! of the instances and of keepalived. `tests/e2e` and the tests of the crate `fleet` run such a store.

use crate::blocks::blocks;
use crate::markdown::Block;
use crate::repository::BINARY;
use std::fs;
use testkit::{Etcd, Forwarder};

const PAGE: &str = "docs/fleet.md";

/// The only block of this kind.
fn block(info: &str) -> Block {
    let mut found = blocks(info);
    assert_eq!(found.len(), 1, "{PAGE}: blocks `{info}`");
    found.remove(0)
}

/// Commands of the blocks of this kind, as words without comment and quotes.
fn commands(info: &str) -> Vec<(String, Vec<String>)> {
    let mut commands = Vec::new();
    for block in blocks(info) {
        for line in block.text.lines().map(|line| line.split('#').next().unwrap_or_default()) {
            let mut words = Vec::new();
            // Every second part is quoted.
            for (part, is_quoted) in line.split('"').zip([false, true].into_iter().cycle()) {
                if is_quoted {
                    words.push(part.to_owned());
                } else {
                    words.extend(part.split_whitespace().map(str::to_owned));
                }
            }
            assert!(!words.is_empty(), "{}: an empty line", block.place);
            commands.push((block.place.clone(), words));
        }
    }
    commands
}

/// The stores and users of the local files.
fn fleets() -> Vec<plan::Fleet> {
    let fleet = |block: &Block| {
        let input = plan::Input { config: Some("local.toml".into()), ..plan::Input::default() };
        let reading = plan::read_text(&input, &block.text);
        reading.plan.and_then(|plan| plan.fleet).unwrap_or_else(|| panic!("{}", block.place))
    };
    blocks("toml fleet").iter().map(fleet).collect()
}

/// Adds `--help` to each command: the parser reads all before it, prints the help, and nothing runs.
#[test]
fn the_parser_knows_the_options_of_the_commands() {
    let mut parsed = 0;
    for (place, words) in commands("sh fleet") {
        match words[0].as_str() {
            "systemctl" => continue,
            "traffic-forwarder" => {}
            other => panic!("{place}: {other} is not a checked program"),
        }
        let finished = Forwarder::binary(BINARY).args(&words[1..]).arg("--help").run();
        assert!(finished.status.success(), "{place}: {words:?}: {finished}");
        parsed += 1;
    }
    assert!(parsed >= 5, "only {parsed} commands");
}

#[test]
fn check_accepts_the_local_file_of_a_machine() {
    let first = blocks("toml fleet").remove(0);
    let dir = tempfile::TempDir::new().expect("a temporary directory");
    let file = dir.path().join("local.toml");
    fs::write(&file, &first.text).expect("write into an own directory");
    let check = Forwarder::binary(BINARY).arg("check").arg("-c").arg(&file).run();
    assert!(check.status.success(), "{}: {check}", first.place);
}

#[test]
fn etcd_listens_where_the_instances_look_for_it() {
    let conf = block("conf etcd");
    let lines = conf.text.lines().filter(|line| !line.starts_with('#'));
    let setting = |line: &str| {
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
        assert!(name.starts_with("ETCD_"), "{}: {line}", conf.place);
        (name.to_owned(), value.to_owned())
    };
    let settings: Vec<_> = lines.map(setting).collect();
    let of = |name: &str| {
        let found = settings.iter().find(|(key, _)| key == name);
        &*found.unwrap_or_else(|| panic!("{}: no {name}", conf.place)).1
    };
    let members: Vec<_> = of("ETCD_INITIAL_CLUSTER").split(',').collect();
    let own = format!("{}={}", of("ETCD_NAME"), of("ETCD_LISTEN_PEER_URLS"));
    assert!(members.contains(&&*own), "{}: {own}", conf.place);
    assert_eq!(of("ETCD_LISTEN_PEER_URLS"), of("ETCD_INITIAL_ADVERTISE_PEER_URLS"));
    assert_eq!(of("ETCD_LISTEN_CLIENT_URLS"), of("ETCD_ADVERTISE_CLIENT_URLS"));
    for fleet in fleets() {
        let endpoints = &fleet.store.url.endpoints;
        let own = of("ETCD_LISTEN_CLIENT_URLS").trim_start_matches("http://").to_owned();
        assert!(endpoints.contains(&own), "{endpoints:?}");
        let host = |address: &str| address.rsplit_once(':').expect("a port").0.to_owned();
        let hosts: Vec<_> = endpoints.iter().map(|endpoint| host(endpoint)).collect();
        let peers = members.iter().map(|it| it.split_once("=http://").expect("a member").1);
        assert_eq!(peers.map(host).collect::<Vec<_>>(), hosts, "{}", conf.place);
        let health = format!("--endpoints={}", endpoints.join(","));
        assert!(commands("sh etcd").iter().any(|(_, words)| words.contains(&health)), "{health}");
    }
}

/// The programs of others are named, not run.
#[test]
fn only_known_programs_prepare_the_store() {
    for (place, words) in commands("sh etcd").into_iter().chain(commands("sh etcd roles")) {
        let known = ["apt-get", "systemctl", "etcdctl"].contains(&&*words[0]);
        assert!(known, "{place}: {}", words[0]);
    }
}

#[test]
fn the_roles_are_for_the_prefix_and_the_user_of_the_local_file() {
    let fleet = fleets().into_iter().find(|fleet| fleet.store.user.is_some()).expect("a user");
    let (user, prefix) = (fleet.store.user.expect("a user").0, fleet.store.url.prefix);
    let grants: Vec<_> = commands("sh etcd roles").into_iter().map(|(_, words)| words).collect();
    let granted = |role: &str, words: &[&str]| {
        let start = ["etcdctl", "role", "grant-permission", role];
        let command = start.iter().chain(words);
        let command: Vec<_> = command.map(|word| (*word).to_owned()).collect();
        assert!(grants.contains(&command), "{PAGE}: no {command:?}");
    };
    let all = format!("{prefix}/");
    granted("publisher", &["readwrite", "--prefix", &all]);
    granted(&user, &["read", "--prefix", &all]);
    granted(&user, &["readwrite", &format!("{prefix}/instances/{user}")]);
}

/// With a real store.
#[test]
fn after_the_commands_of_the_roles_a_machine_writes_its_own_key_only() {
    let store = Etcd::start(1);
    for (place, mut words) in commands("sh etcd roles") {
        if words[1..3] == ["user", "add"] {
            // etcdctl asks for the password otherwise.
            words[3].push_str(":secret");
        }
        let finished = store.try_ctl(&words[1..]);
        assert!(finished.status.success(), "{place}: {words:?}: {finished}");
    }
    let prefix = fleets().remove(0).store.url.prefix;
    let writes = |user: Option<&str>, key: &str| {
        let login = user.map(|user| format!("--user={user}:secret"));
        let key = format!("{prefix}/{key}");
        let words = ["put", &key, "x"].into_iter().chain(login.as_deref());
        store.try_ctl(words).status.success()
    };
    assert!(!writes(None, "current"));
    assert!(writes(Some("publisher"), "current"));
    assert!(!writes(Some("edge-1"), "current"));
    assert!(!writes(Some("edge-1"), "instances/edge-2"));
    assert!(writes(Some("edge-1"), "instances/edge-1"));
}

#[test]
fn keepalived_asks_the_metrics_address_of_the_local_file() {
    let local = blocks("toml fleet").remove(0);
    let metrics = local.text.lines().find_map(|line| line.strip_prefix("metrics = \""));
    let metrics = metrics.expect("an address").trim_end_matches('"');
    let script = format!("curl -sf -m 1 http://{metrics}/readyz\"");
    assert!(block("conf keepalived").text.contains(&script), "{script}");
}
