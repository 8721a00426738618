//! `reload` and `doctor` with targets from DNS.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{LIMIT, NameReply, NameServer, Port};

use super::{NAME, SERVICE, Targets, addresses, start};
use crate::support::{BINARY, Config, served_client, with_names};

#[test]
fn a_reload_names_the_sets_that_it_changes_and_finds_known_addresses() {
    let (server, targets, port) = (NameServer::start(), Targets::start(1), Port::v4());
    server.set(NAME, addresses([1], 3600));
    let number = targets.port.number();
    let config = Config::new().forward(port.addr(), format!("{NAME}:{number}"), "name = 'db'");
    let (operated, _etc) = start(&server, "", config);
    served_client(&port);
    server.set_all(Some(NameReply::Silent));
    let to = [targets.dns(), format!("srv:{SERVICE}")];
    let report = operated.reload(Config::new().forward_to_several(port.addr(), &to, "name = 'db'"));
    let change = &report["changed"][0]["changes"][0];
    let parts = [
        format!("added \"{}\"", to[0]),
        format!("added \"{}\"", to[1]),
        format!("removed \"{NAME}:{number}\""),
    ];
    assert_eq!((&change["key"], &change["parts"]), (&json!("to"), &json!(parts)), "{report}");
    // The last answer of the name is the first one of the set.
    // The service has no answer yet.
    operated.wait_for_targets([targets.address(1), to[1].clone()], LIMIT);
    let begun = Instant::now();
    served_client(&port);
    assert!(begun.elapsed() < Duration::from_secs(1), "no client waits for a name server");
}

#[test]
fn doctor_tries_every_target_of_a_set() {
    let (server, targets) = (NameServer::start(), Targets::start(1));
    server.set(NAME, addresses([1, 99], 60));
    server.set(SERVICE, targets.services(&[(1, 1)]));
    let config = Config::new()
        .forward(Port::v4().addr(), targets.dns(), "")
        .forward(Port::v4().addr(), format!("srv:{SERVICE}"), "")
        .forward(Port::v4().addr(), "srv:_none._tcp.test", "");
    let etc = TempDir::new().unwrap();
    server.configure(etc.path(), "");
    let doctor = with_names(etc.path(), BINARY).args(["doctor", "--json"]);
    let finished = doctor.config(config.text()).run();
    let report: Value = serde_json::from_slice(&finished.stdout).unwrap();
    let finding = |check: &str| {
        let mut checks = report["checks"].as_array().unwrap().iter();
        checks.find(|it| it["check"] == check).unwrap().clone()
    };
    let detail = |check: &str, of: &str| {
        let finding = finding(check);
        let details = finding["details"].as_array().unwrap();
        details.iter().find(|it| it["of"] == of).unwrap_or_else(|| panic!("{finding:#}")).clone()
    };
    let unknown = detail("names", "srv:_none._tcp.test");
    assert_eq!(
        (&unknown["verdict"], &unknown["found"]),
        (&json!("fail"), &json!("the name does not exist"))
    );
    assert_eq!(detail("names", &targets.dns())["verdict"], "ok");
    let refusing = detail("connections", &targets.dns());
    let found = refusing["found"].as_str().unwrap();
    assert!(found.starts_with("1 of 2 addresses fail, such as 127.0.1.99:"), "{refusing:#}");
    assert_eq!(detail("connections", &format!("srv:{SERVICE}"))["verdict"], "ok");
}
