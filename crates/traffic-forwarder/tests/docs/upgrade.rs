//! The commands of docs/upgrade.md upgrade a process whose session continues.

use crate::blocks::blocks;
use crate::repository::BINARY;
use crate::stand::Stand;
use testkit::{Behaviour, Forwarder, Peer, Port, Script, Target, connect};

/// Path of the program in the document.
const INSTALLED: &str = "/usr/local/bin/traffic-forwarder";

#[test]
fn the_commands_upgrade_and_keep_a_session() {
    let (stand, port) = (Stand::new(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let admin = format!("unix:{}/admin.sock", stand.dir().display());
    let config = format!(
        "[process]\nadmin = '{admin}'\n[[forward]]\nlisten = '{}'\nto = '{}'\n",
        port.addr(),
        target.addr(),
    );
    let forwarder = Forwarder::binary(BINARY).config(config).start();
    forwarder.ready();
    let client = connect(&port).expect("a listener");
    let say = || {
        let copy = client.try_clone().expect("a descriptor");
        Peer::play("a client", copy, Script::new().write_bytes(".").read_exactly(1)).finish();
    };
    say();
    let mut ran = 0;
    for block in blocks("sh upgrade") {
        for line in block.text.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            assert_eq!(words.next(), Some("traffic-forwarder"), "{}: {line}", block.place);
            let words = words.map(|word| if word == INSTALLED { BINARY } else { word });
            let command = Forwarder::binary(BINARY).args(words).arg("--admin").arg(&admin);
            let printed = command.run().success().text();
            assert!(printed.contains("1 session resumed"), "{}: {line}: {printed}", block.place);
            say();
            ran += 1;
        }
    }
    assert!(ran >= 2, "only {ran} commands");
}
