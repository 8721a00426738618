//! `doctor` carries the configured checks out.

use doctor::Check;
use serde_json::Value;
use testkit::{Addr, Behaviour, LIMIT, Port, Server, Target, wait_until};

use super::Examined;
use crate::support::{Config, forwarder};

/// The detail about a target: its verdict and text.
fn detail(examined: &Examined, forward: &str) -> (String, String) {
    let of_forward = format!(" (check of {forward})");
    let details = examined.finding(Check::HealthChecks)["details"].as_array().unwrap();
    let text = |detail: &Value, key: &str| detail[key].as_str().unwrap().to_owned();
    let mut all = details.iter().map(|it| (text(it, "verdict"), text(it, "found")));
    let found = all.find(|(_, found)| found.ends_with(&of_forward));
    found.unwrap_or_else(|| panic!("{forward}: {details:#?}"))
}

/// HAProxy that serves `/primary`, and answers 503 to all else.
fn primary() -> Server {
    Server::with_config("haproxy", &["-db", "-f"], |own| {
        format!(
            "defaults\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n\
             frontend it\n bind {}\n http-request return status 200 if {{ path /primary }}\n \
             http-request return status 503\n",
            own.addr()
        )
    })
}

#[test]
fn every_check_of_a_target_is_carried_out_once() {
    let (server, silent) = (primary(), Target::start(Behaviour::Sink));
    let forward = |config: Config, name: &str, to: Addr, check: &str| {
        let settings = format!("name = '{name}'\ncheck = {{ {check} }}");
        config.forward(Port::v4().addr(), to, settings)
    };
    let config = forward(Config::new(), "write", server.addr().into(), "http = '/primary'");
    let healthy = Examined::by(forwarder(), &config);
    healthy.assert_verdict(Check::HealthChecks, "ok");
    assert_eq!(detail(&healthy, "write").0, "ok");

    let config = forward(config, "read", server.addr().into(), "http = '/replica'");
    let expect = "send = 'PING', expect = 'PONG', timeout = '200ms'";
    let config = forward(config, "silent", silent.addr().into(), expect);
    let config = config.forward(Port::v4().addr(), silent.addr(), "name = 'unchecked'");
    let examined = Examined::by(forwarder(), &config);
    let warning = |found: &str| ("warn".to_owned(), found.to_owned());
    assert_eq!(detail(&examined, "write").0, "ok");
    assert_eq!(detail(&examined, "read"), warning("HTTP status 503 (check of read)"));
    assert_eq!(detail(&examined, "silent"), warning("no answer in time (check of silent)"));
    examined.assert_verdict(Check::HealthChecks, "warn");
    examined.assert_verdict(Check::Connections, "ok");
    assert_eq!(examined.finding(Check::HealthChecks)["found"], "1 of 3 checks succeed");
    wait_until("one connection, and one check", LIMIT, || silent.accepted() == 2);

    let without = Examined::by_looking(forwarder(), &config);
    assert_eq!(without.finding(Check::HealthChecks)["found"], "no target was checked");
}
