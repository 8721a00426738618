//! Listening on addresses that no interface has yet.

use std::net::SocketAddr;
use std::process::Command;

use testkit::{Behaviour, LIMIT, Place, Target, connect, run, wait_until};

use crate::support::{
    Config, Operated, forwarder, in_network_namespace, messages, ping, served_client, test_name,
};

const V4: &str = "192.0.2.7:8080";
const V6: &str = "[2001:db8::7]:8080";

fn ip(arguments: &str) {
    run(Command::new("ip").args(arguments.split(' ')), LIMIT).success();
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn config(target: &Target, settings: &str) -> Config {
    let settings = format!("name = 'f'\n{settings}");
    Config::new().forward_at_several(&[V4, V6], target.addr(), settings)
}

#[test]
fn an_address_that_comes_later_is_served() {
    let name = test_name!(an_address_that_comes_later_is_served);
    in_network_namespace(name, "true", || {
        let target = Target::start_at(Place::V4, Behaviour::Echo);
        let refused = forwarder().config(config(&target, "").text()).run();
        assert_eq!(refused.status.code(), Some(1));
        let part = "cannot assign requested address (no interface of this host has that address: see \
                    `ip addr`; if it comes later, `freebind = true` listens already now";
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
        let operated = Operated::start(config(&target, "freebind = true"));
        assert!(connect(at(V4)).is_err() && connect(at(V6)).is_err());
        ip("addr add 192.0.2.7/32 dev lo");
        ip("addr add 2001:db8::7/128 dev lo nodad");
        let client = served_client(at(V4));
        served_client(at(V6));
        // The address goes and comes: with an upgrade, and a resume, in between.
        ip("addr del 192.0.2.7/32 dev lo");
        operated.http.post("/v1/upgrade").status(202);
        wait_until("the next image", LIMIT, || messages(&operated, "upgraded").len() == 1);
        operated.http.post("/v1/forwards/f/drain").success();
        operated.http.post("/v1/forwards/f/resume").success();
        ip("addr add 192.0.2.7/32 dev lo");
        ping(&client);
        served_client(at(V4));
        served_client(at(V6));
    });
}

#[test]
fn a_reload_adds_an_address_that_is_not_there() {
    let name = test_name!(a_reload_adds_an_address_that_is_not_there);
    in_network_namespace(name, "true", || {
        let target = Target::start_at(Place::V4, Behaviour::Echo);
        let present = Config::new().forward("127.0.0.1:8080", target.addr(), "name = 'f'");
        let operated = Operated::start(present.clone());
        operated.write(config(&target, ""));
        for query in ["?dry_run=true", ""] {
            let refused = operated.http.post(&format!("/v1/reload{query}")).status(409).body;
            assert!(refused.contains("`freebind = true` listens already now"), "{refused}");
        }
        operated.reload(config(&target, "freebind = true"));
        // A living listener stays when the setting goes.
        operated.reload(config(&target, "idle_timeout = '7m'"));
        ip("addr add 192.0.2.7/32 dev lo");
        served_client(at(V4));
        operated.write(present);
        operated.http.post("/v1/reload?confirm=1s").success();
        let generation = operated.generation();
        wait_until("the fall-back", LIMIT, || operated.generation() > generation);
        let forward = operated.http.json("/v1/forwards/f");
        assert!(forward["error"].as_str().unwrap().contains("`freebind = true`"), "{forward}");
        served_client(at(V4));
    });
}
