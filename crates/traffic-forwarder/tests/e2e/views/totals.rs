//! Totals since the start, which never go down.

use testkit::{LIMIT, Listener, Place, Port, connect, wait_until};

use crate::support::{Config, Operated, forwarder, messages};

#[test]
fn errors_survive_the_removal_of_their_forward_and_an_upgrade() {
    let (dead, live, ports) = (Port::v4(), Listener::bind(Place::V4), [Port::v4(), Port::v4()]);
    let config = |names: &[usize]| {
        names.iter().fold(Config::new(), |config, at| {
            let to = [dead.addr().to_string(), live.addr().to_string()][*at].clone();
            config.forward(ports[*at].addr(), to, format!("name = 'f{at}'"))
        })
    };
    let operated = Operated::start(config(&[0, 1]));
    for _ in 0..3 {
        // The connection may be reset before connect(2) returns.
        let _ = connect(&ports[0]);
    }
    let failed = || operated.http.json("/v1/status")["failed"].as_u64();
    wait_until("three failures", LIMIT, || failed() == Some(3));
    operated.reload(config(&[1]));
    assert_eq!(failed(), Some(3));
    let status = || {
        let socket = operated.socket().to_string();
        forwarder().args(["status", "--admin", &socket]).run().success().text()
    };
    assert!(status().contains("0 clients refused, 3 sessions failed"), "{}", status());
    operated.http.post("/v1/upgrade").status(202);
    wait_until("the next image", LIMIT, || !messages(&operated, "upgraded").is_empty());
    assert_eq!(failed(), Some(3));
}
