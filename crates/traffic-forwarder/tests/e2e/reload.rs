//! Reloads of a running process: by every trigger, a reload applies the whole file or none of it,
//! and sessions of an unchanged forward continue undisturbed.

mod all_or_nothing;
mod exchange;
mod forwards;
mod late_worker;
mod socket_files;
mod triggers;
mod waiting;

use std::net::SocketAddr;

use serde_json::Value;
use testkit::{Behaviour, Port, Target, connect};

use crate::support::{Config, Operated};

const RELOADED: &str = "configuration reloaded";

/// Two forwards to echoes.
struct Pair {
    operated: Operated,
    target: Target,
    ports: [Port; 2],
}

impl Pair {
    #[track_caller]
    fn start(process: &str) -> Self {
        let (target, ports) = (Target::start(Behaviour::Echo), [Port::v4(), Port::v4()]);
        let config = Config::new().process("workers = 2").process(process);
        let operated = Operated::start(both(config, &ports, &target));
        Self { operated, target, ports }
    }

    /// A configuration with the unchanged first forward.
    fn first(&self) -> Config {
        Config::new().process("workers = 2").forward(
            self.ports[0].addr(),
            self.target.addr(),
            "name = 'first'",
        )
    }

    fn with_second(&self, to: SocketAddr, settings: &str) -> Config {
        let settings = format!("name = 'second'\n{settings}");
        self.first().forward(self.ports[1].addr(), to, settings)
    }

    fn echo(&self) -> SocketAddr {
        self.target.addr().tcp()
    }

    fn names(&self) -> Vec<(String, String)> {
        let forwards = self.operated.http.json("/v1/forwards");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let forwards = forwards["forwards"].as_array().unwrap().iter();
        forwards.map(|forward| (text(&forward["name"]), text(&forward["state"]))).collect()
    }
}

fn both(config: Config, ports: &[Port; 2], target: &Target) -> Config {
    let [first, second] = ports;
    config.forward(first.addr(), target.addr(), "name = 'first'").forward(
        second.addr(),
        target.addr(),
        "name = 'second'",
    )
}

fn is_refused(port: &Port) -> bool {
    connect(port).is_err()
}
