//! `route`: targets by the names in TLS ClientHellos.

mod browser;
mod choice;
mod clients;
mod lifecycle;
mod operation;
mod patience;
mod slow;

use serde_json::Value;
use testkit::{Behaviour, Port, Script, Socket, Target, connect};

use crate::support::{Config, Operated, play};

/// Three targets and a listener: hellos for `a.test` go to the first, those for one label before `b.test` to the
/// second, and all other clients to the third.
struct Scene {
    operated: Operated,
    port: Port,
    targets: [Target; 3],
}

impl Scene {
    fn start(settings: &str) -> Self {
        Self::start_at(Port::v4(), settings)
    }

    fn start_at(port: Port, settings: &str) -> Self {
        let targets = [(); 3].map(|()| Target::start(Behaviour::Echo));
        let operated = Operated::start(config(port.addr(), &targets, settings));
        Self { operated, port, targets }
    }

    fn address(&self, target: usize) -> String {
        self.targets[target].addr().to_string()
    }

    /// Sends these bytes, which must come back from this target.
    #[track_caller]
    fn is_served(&self, bytes: &[u8], target: usize) -> Socket {
        let before = self.targets[target].accepted();
        let client = connect(&self.port).unwrap();
        play(&client, Script::new().write_bytes(bytes));
        comes_back(&client, bytes);
        assert_eq!(self.targets[target].accepted(), before + 1, "another target");
        client
    }
}

fn config(
    listen: impl std::fmt::Display,
    targets: &[Target; 3],
    settings: impl std::fmt::Display,
) -> Config {
    let [a, b, other] = targets.each_ref().map(Target::addr);
    Config::new().forward_with(
        listen,
        format!(
            "name = 'f'\nto = '{other}'\nroute = [{{ sni = 'a.test', to = '{a}' }}, \
             {{ sni = '*.b.test', to = '{b}' }}]\n{settings}"
        ),
    )
}

/// The configuration without `to` of the forward.
fn without_default(port: &Port, targets: &[Target; 3], settings: &str) -> Config {
    let [a, b, _] = targets.each_ref().map(Target::addr);
    let routes = format!("[{{ sni = 'a.test', to = '{a}' }}, {{ sni = 'b.test', to = '{b}' }}]");
    Config::new().forward_with(port.addr(), format!("name = 'f'\nroute = {routes}\n{settings}"))
}

#[track_caller]
fn comes_back(client: &Socket, bytes: &[u8]) {
    assert_eq!(play(client, Script::new().read_exactly(bytes.len() as u64)).bytes, bytes);
}

/// The targets of the forward, as the interface lists them.
fn targets(operated: &Operated) -> Vec<Value> {
    operated.http.json("/v1/forwards/f")["targets"].as_array().unwrap().clone()
}

/// The bytes behind their length in two bytes.
fn block(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// A hello with a server name and protocols, in one record.
pub(crate) fn hello(name: &str, protocols: &[&str]) -> Vec<u8> {
    in_records(&message(name, protocols, 0), 1 << 14)
}

/// The message of a hello, longer by an extension of this length.
pub(crate) fn message(name: &str, protocols: &[&str], padding: usize) -> Vec<u8> {
    let extension = |kind: u16, content: &[u8]| [&kind.to_be_bytes()[..], &block(content)].concat();
    let mut extensions = extension(13, &block(&[4, 3]));
    if !name.is_empty() {
        let names = [&[0][..], &block(name.as_bytes())].concat();
        extensions.extend(extension(0, &block(&names)));
    }
    if !protocols.is_empty() {
        let length = |it: &str| u8::try_from(it.len()).unwrap();
        let list = protocols.iter().flat_map(|it| [&[length(it)][..], it.as_bytes()].concat());
        extensions.extend(extension(16, &block(&list.collect::<Vec<_>>())));
    }
    extensions.extend(extension(21, &vec![0; padding]));
    let begin = [&[3, 3][..], &[9; 32], &[0], &block(&[0x13, 1]), &[1, 0]].concat();
    let body = [begin, block(&extensions)].concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[1][..], &length[1..], &body].concat()
}

/// A message in records of this size.
pub(crate) fn in_records(message: &[u8], size: usize) -> Vec<u8> {
    let record = |content: &[u8]| [&[22, 3, 1][..], &block(content)].concat();
    message.chunks(size).flat_map(record).collect()
}
