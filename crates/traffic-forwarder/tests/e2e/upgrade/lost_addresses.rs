//! An address of the admin interface that is in force, was not handed over, and cannot be bound:
//! an earlier version went on without it, for example.

use std::net::TcpListener;

use testkit::Http;

use super::fixture::Fixture;
use super::state::rewrite;
use crate::support::messages;

const LOST: &str = "going on without an address of the admin interface";

#[test]
fn an_upgrade_goes_on_without_an_address_that_another_socket_holds() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let fixture = Fixture::new();
    let arrival = fixture.upgrade_with(|bytes| {
        rewrite(&bytes, |state| {
            let in_force = state.process.in_force.as_mut().unwrap();
            let process = format!("[process]\nmetrics = '{address}'\n");
            assert!(in_force.contains("[process]\n"), "{in_force}");
            *in_force = in_force.replace("[process]\n", &process);
        })
    });
    assert_eq!((&arrival["sessions"], &arrival["lost"]), (&3.into(), &0.into()), "{arrival}");
    let lines = messages(&fixture.operated, LOST);
    assert_eq!((lines.len(), &lines[0]["level"]), (1, &"error".into()), "{lines:?}");
    let warnings = fixture.operated.status()["last_upgrade"]["warnings"].to_string();
    for words in [LOST, &address.to_string(), "another process listens there"] {
        assert!(warnings.contains(words), "{words}: {warnings}");
    }
    // The next upgrade tries it again.
    drop(holder);
    fixture.operated.upgrade();
    assert_eq!(fixture.operated.status()["last_upgrade"]["warnings"], serde_json::json!([]));
    Http::new(address).get("/healthz").success();
    fixture.all_continue();
    fixture.assert_lost(0);
    fixture.assert_recovers(None);
}
