//! One profile at a time, and none during an upgrade.

use std::io::Write as _;

use testkit::{LIMIT, connect, wait_until};

use crate::loaded::Loaded;

/// A profile much longer than the test.
const PROFILE: &[u8] = b"GET /debug/pprof/profile?seconds=300 HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn a_profile_excludes_others_and_upgrades_until_it_ends_or_is_cancelled() {
    let loaded = Loaded::start();
    let socket = || connect(std::path::PathBuf::from(loaded.path("admin.sock"))).unwrap();
    let mut first = socket();
    first.write_all(PROFILE).unwrap();
    wait_until("the first profile to start", LIMIT, || {
        loaded.http.get("/debug/pprof/heap").status == 409
    });
    for path in ["/debug/pprof/profile?seconds=1", "/debug/pprof/heap"] {
        let refused = loaded.http.get(path).status(409).json();
        assert_eq!(refused["error"]["code"], "profiling", "{path}");
    }
    let refused = loaded.http.post("/v1/upgrade").status(409).json();
    assert_eq!(refused["error"]["code"], "profiling");
    assert_eq!(loaded.http.json("/v1/status")["upgrades"], 0);
    drop(first);
    wait_until("the profile to end with its connection", LIMIT, || {
        loaded.http.get("/debug/pprof/heap?format=flamegraph").status == 200
    });
    loaded.finish();
}

#[test]
fn sessions_survive_a_profile_an_upgrade_and_a_profile() {
    let loaded = Loaded::start();
    for upgrades in 1..=2 {
        let svg = loaded.flame_graph(&["--seconds", "1"]);
        assert!(svg.contains("<title>engine::"), "{svg}");
        loaded.ask(&["upgrade"]).success();
        assert_eq!(loaded.http.json("/v1/status")["upgrades"], upgrades);
        loaded.wait_for_more_sessions();
    }
    loaded.flame_graph(&["--heap"]);
    loaded.finish();
}
