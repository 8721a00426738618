//! The admin interface.

mod access;
mod actions;
mod crowd;
mod events;
mod interfaces;
mod listing;
mod metrics_load;
mod queries;
mod tokens;
mod viewers;

use serde_json::Value;
use testkit::{Behaviour, Http, Port, Socket, Target};

use crate::support::{Config, Operated, served_client};

/// An echo behind a forward named `echo`.
struct Echo {
    operated: Operated,
    target: Target,
    port: Port,
}

impl Echo {
    #[track_caller]
    fn start(settings: &str) -> Self {
        Self::start_with(Config::new().process("workers = 2"), settings)
    }

    #[track_caller]
    fn start_with(config: Config, settings: &str) -> Self {
        let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
        let settings = format!("name = 'echo'\n{settings}");
        let operated = Operated::start(config.forward(port.addr(), target.addr(), settings));
        Self { operated, target, port }
    }

    fn http(&self) -> &Http {
        &self.operated.http
    }

    fn client(&self) -> Socket {
        served_client(&self.port)
    }

    fn forward(&self) -> Value {
        self.http().json("/v1/forwards/echo")
    }
}

fn code(answer: &testkit::Answer) -> (u16, String) {
    let json = answer.json();
    assert!(json["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{json}");
    (answer.status, json["error"]["code"].as_str().unwrap().to_owned())
}
