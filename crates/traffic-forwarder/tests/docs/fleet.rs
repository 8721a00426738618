//! The examples of docs/fleet.md fit each other: addresses are the same in the files of etcd, of the instances and of
//! keepalived. The module `fleet_store` runs that store, and `tests/e2e/fleet/guide.rs` such a fleet.

use crate::blocks::blocks;
use crate::markdown::Block;
use crate::repository::BINARY;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use testkit::{Finished, Forwarder, LIMIT, Signal, Tool, run};

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

/// The whole local file of a machine.
fn local_file() -> Block {
    let mut files = blocks("toml fleet").into_iter();
    files.find(|it| it.text.contains("[process]")).expect("the file of a process")
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
    let first = local_file();
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
        let health = format!("export ETCDCTL_ENDPOINTS={}\n", endpoints.join(","));
        assert!(block("sh etcd check").text.starts_with(&health), "{health}");
    }
}

#[test]
fn keepalived_asks_the_metrics_address_of_the_local_file() {
    let local = local_file();
    let metrics = local.text.lines().find_map(|line| line.strip_prefix("metrics = \""));
    let metrics = metrics.expect("an address").trim_end_matches('"');
    let script = format!("curl -sf -m 1 http://{metrics}/readyz\"");
    assert!(block("conf keepalived").text.contains(&script), "{script}");
}

/// The result of `keepalived -t`, with an interface of this host in place of the guide's.
fn keepalived(conf: &str) -> Finished {
    let interfaces = fs::read_dir("/sys/class/net").expect("the interfaces of this host");
    let mut names = interfaces.map(|it| it.expect("an interface").file_name());
    let name = names.find(|name| name != "lo").expect("an interface beside the loopback one");
    let conf = conf.replace("eth0", &name.to_string_lossy());
    let dir = tempfile::TempDir::new().expect("a temporary directory");
    let file = dir.path().join("keepalived.conf");
    fs::write(&file, conf).expect("write into an own directory");
    run(Tool::find("keepalived").command().args(["-t", "-f"]).arg(&file), LIMIT)
}

#[test]
fn keepalived_accepts_its_file() {
    let conf = block("conf keepalived").text;
    let checked = keepalived(&conf);
    // Without root's rights, it cannot become the user of the script.
    let is_root = rustix::process::geteuid().is_root();
    let complaints = checked.stderr.lines().filter(|line| is_root || !line.contains("insecure"));
    assert_eq!(complaints.count(), 0, "{checked}");
    // Version 2.2.7 ends itself after it has found a script that it may run.
    let ended_itself = checked.status.signal() == Some(Signal::TERM.as_raw());
    assert!(!is_root || checked.status.success() || ended_itself, "{checked}");

    let wrong = keepalived(&conf.replace("fall 2", "fal 2"));
    assert!(wrong.stderr.contains("Unknown keyword 'fal'"), "{wrong}");
}
