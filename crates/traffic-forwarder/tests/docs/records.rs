//! The session record in the documents has the program's fields.

use crate::blocks::blocks;
use crate::repository::{BINARY, document};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::Shutdown;
use testkit::{Behaviour, Forwarder, Port, Target, connect};

/// Fields of every log line.
const COMMON: [&str; 3] = ["time", "level", "message"];

/// Runs one session with the target, and returns its JSON and text records.
fn records_of(target: &str) -> [String; 2] {
    records_with(target, "", b"echo")
}

/// The same with further settings, for a client that begins with these bytes.
fn records_with(target: &str, settings: &str, begin: &[u8]) -> [String; 2] {
    ["json", "text"].map(|format| {
        let port = Port::v4();
        let forwarder = Forwarder::binary(BINARY).config(format!(
            "[log]\nformat = '{format}'\n[[forward]]\nlisten = '127.0.0.1:{port}'\nto = '{target}'\n\
             {settings}"
        ));
        let forwarder = forwarder.start();
        forwarder.ready();
        // Writing may fail: a refused connect ends the session at once.
        let client = connect(&port).ok();
        let _ = client.as_ref().map(|mut client| client.write_all(begin));
        let _ = client.as_ref().map(|client| client.shutdown(Shutdown::Write));
        forwarder.wait_for_line("a record", testkit::LIMIT, |line| {
            line.contains(" closed #") || line.contains("session ended")
        })
    })
}

/// Names of all fields; those of a group as `group.field`.
fn json_fields(line: &str) -> BTreeSet<String> {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let fields = value.as_object().expect("a record is an object").iter();
    let names = fields.flat_map(|(name, value)| match value.as_object() {
        None => vec![name.clone()],
        Some(group) => group.keys().map(|key| format!("{name}.{key}")).collect(),
    });
    names.filter(|name| !COMMON.contains(&name.as_str())).collect()
}

fn text_fields(line: &str) -> Vec<String> {
    let words = line.split(' ').filter_map(|word| word.split_once('='));
    words.map(|(name, _)| name.to_owned()).collect()
}

fn fields_in(columns: &[Vec<&str>]) -> BTreeSet<String> {
    let cells = columns.iter().filter_map(|row| row.first());
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

#[test]
fn the_documents_name_every_field_and_no_other() {
    let target = Target::start(Behaviour::Echo);
    let [orderly, orderly_text] = records_of(&target.addr().to_string());
    let [refused, _] = records_of(&Port::v4().addr().to_string());

    for block in blocks("json") {
        assert_eq!(json_fields(&block.text), json_fields(&orderly), "{}", block.place);
    }
    for block in blocks("text record") {
        assert_eq!(text_fields(&block.text), text_fields(&orderly_text), "{}", block.place);
    }
    let header = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
    let accept = "accept_proxy = { from = ['127.0.0.1'] }";
    let [proxied, _] = records_with(&target.addr().to_string(), accept, header);
    let hello = include_bytes!("../../../../fuzz/seeds/client_hello/01");
    let route = format!("route = [{{ sni = 'db.example.com', to = '{}' }}]", target.addr());
    let [named, _] = records_with(&target.addr().to_string(), &route, hello);
    let all =
        [orderly, refused, proxied, named].iter().flat_map(|record| json_fields(record)).collect();
    assert_eq!(fields_in(&document("docs/session-record.md").table(&["Field", "Meaning"])), all);
}
