//! The last ended sessions, as the process itself knows them.

mod commands;
mod survival;

use std::net::IpAddr;

use serde_json::{Map, Value};
use tempfile::TempDir;
use testkit::{
    Addr, Behaviour, LIMIT, Place, Port, Script, Socket, Target, connect, connect_from, wait_until,
};

use crate::support::{Config, Operated, forwarder, ping, play, served_client};

/// Ends a session of an echo by its client, and waits until both directions have ended.
fn end(client: &Socket) {
    play(client, Script::new().shutdown_write().expect_eof());
}

/// The answer for this query.
#[track_caller]
fn ended(operated: &Operated, query: &str) -> Value {
    operated.http.json(&format!("/v1/sessions/ended?{query}"))
}

/// The numbers of the ended sessions that match, the newest first.
#[track_caller]
fn ids(operated: &Operated, query: &str) -> Vec<u64> {
    let answer = ended(operated, query);
    let sessions = answer["sessions"].as_array().unwrap().iter();
    sessions.map(|session| session["id"].as_u64().unwrap()).collect()
}

/// Waits until as many sessions have ended.
#[track_caller]
fn wait_for_ended(operated: &Operated, count: usize) {
    wait_until(&format!("{count} ended sessions"), LIMIT, || ended(operated, "")["total"] == count);
}

/// The address of a Unix listener, in a directory.
fn unix_address() -> (TempDir, Addr) {
    let dir = TempDir::new().unwrap();
    let address = dir.path().join("listener").into();
    (dir, address)
}

#[test]
fn exactly_the_last_thousand_are_kept_without_a_log() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    // One worker: its sessions end in the order of their numbers.
    let config = Config::new().log("level = 'warn'").process("workers = 1");
    let config = config.forward(port.addr(), target.addr(), "share = 'off'");
    let operated = Operated::start_unready(forwarder(), config);
    wait_until("the admin interface", LIMIT, || connect(operated.socket()).is_ok());
    let started = ended(&operated, "")["since"].clone();
    for _ in 0..1500 {
        end(&served_client(&port));
    }
    wait_until("the last session", LIMIT, || ids(&operated, "limit=1") == [1500]);
    let answer = ended(&operated, "limit=2000");
    assert_eq!(answer["total"], 1000);
    let found = ids(&operated, "limit=2000");
    assert_eq!(found, (501..=1500).rev().collect::<Vec<_>>());
    let sessions = answer["sessions"].as_array().unwrap();
    assert_eq!(answer["since"], sessions[999]["ended"], "all since the oldest one");
    assert!(answer["since"].as_str() > started.as_str());
    for session in sessions {
        assert_eq!(session["close"]["cause"], "fin", "{session}");
        assert_eq!((&session["bytes_up"], &session["bytes_down"]), (&1.into(), &1.into()));
        // Only a reader of the records needs these system calls.
        assert!(session["client_tcp"].is_null() && session["target_tcp"].is_null(), "{session}");
    }
    let message = operated.http.get("/v1/sessions/ended/500").status(404).body;
    assert!(message.contains("no session 500 has ended since 2"), "{message}");
}

/// Ends sessions 1 and 2 of `web` by clients at 127.0.0.4 and 127.0.0.40, 3 of `webmail` by IPv6, 4 of `local` by
/// a Unix socket, and 5 of `dead`, whose target refuses.
fn five_ended(targets: &[Target; 2], unix: &Addr) -> Operated {
    let ports = [Port::v4(), Port::v6(), Port::v4()];
    let config = Config::new().log("sessions = false").process("workers = 1");
    let config = config.forward(ports[0].addr(), targets[0].addr(), "name = 'web'");
    let config = config.forward(ports[1].addr(), targets[1].addr(), "name = 'webmail'");
    let config = config.forward(ports[2].addr(), Port::v4().addr(), "name = 'dead'");
    let operated = Operated::start(config.forward(unix, targets[1].addr(), "name = 'local'"));
    let from = |address: &str| {
        let source: IpAddr = address.parse().unwrap();
        connect_from(source, ports[0].addr()).unwrap()
    };
    let clients = [
        from("127.0.0.4"),
        from("127.0.0.40"),
        connect(&ports[1]).unwrap(),
        connect(unix.clone()).unwrap(),
    ];
    clients.iter().for_each(ping);
    for (at, client) in clients.iter().enumerate() {
        end(client);
        wait_for_ended(&operated, at + 1);
    }
    let _ = connect(&ports[2]);
    wait_for_ended(&operated, 5);
    operated
}

#[test]
fn filters_and_pages_are_those_of_open_sessions() {
    let targets = [(); 2].map(|()| Target::start(Behaviour::Echo));
    let (_dir, unix) = unix_address();
    let operated = five_ended(&targets, &unix);
    assert_eq!(ids(&operated, ""), [5, 4, 3, 2, 1]);
    let dead = operated.http.json("/v1/sessions/ended/5")["target"].as_str().unwrap().to_owned();
    for (query, expected) in [
        ("forward=web", &[2, 1][..]),
        ("forward=we", &[3, 2, 1]),
        ("client=127.0.0.4", &[1]),
        ("client=127.0.0.", &[5, 2, 1]),
        ("client=127.0.0.0/24", &[5, 2, 1]),
        ("client=::1", &[3]),
        ("client=unix", &[4]),
        ("client=10.0.0.0/8", &[]),
        ("text=mail", &[3]),
        ("text=127.0.0.40", &[2]),
        ("forward=web&client=127.0.0.4", &[1]),
        (&format!("target={}", targets[0].addr()), &[2, 1]),
        (&format!("target={dead}"), &[5]),
        ("limit=2&offset=1", &[4, 3]),
        ("limit=0", &[]),
    ] {
        assert_eq!(ids(&operated, query), expected, "{query}");
    }
    assert_eq!(ended(&operated, "limit=2&offset=1")["total"], 5);
    operated.http.get("/v1/sessions/ended?limit=10001").status(400);
    operated.http.get("/v1/sessions/ended?client=here").status(400);
    operated.http.get("/v1/sessions/ended?sort=id").status(400);
    operated.http.get("/v1/sessions/ended?forward=none").status(404);
    operated.http.get("/v1/sessions/ended?text=none").status(404);
}

/// A value of JSON in which `1` and `1.0` are equal, and without absent fields.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Object(fields) => {
            let given = fields.iter().filter(|(_, value)| !value.is_null());
            given.map(|(name, value)| (name.clone(), plain(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Checks that the text of a target in the configuration selects the one session of this forward.
#[track_caller]
fn is_found_by(operated: &Operated, target: &str, forward: &str) {
    let found = ended(operated, &format!("target={target}"));
    assert_eq!((&found["total"], &found["sessions"][0]["forward"]), (&1.into(), &forward.into()));
}

#[test]
fn a_kept_record_has_the_fields_of_the_log() {
    let target = Target::start(Behaviour::Echo);
    let (local, (_dir, unix)) = (Target::start_at(Place::Unix, Behaviour::Echo), unix_address());
    let ports = [(); 4].map(|()| Port::v4());
    let name = format!("localhost:{}", target.addr().tcp().port());
    let config = Config::new().forward(ports[0].addr(), target.addr(), "name = 'plain'");
    let config = config.forward(ports[1].addr(), &name, "name = 'named'");
    let config = config.forward(ports[2].addr(), Port::v4().addr(), "name = 'dead'");
    let trusted = "name = 'proxied'\naccept_proxy = { from = ['127.0.0.1'] }";
    let config = config.forward(ports[3].addr(), target.addr(), trusted);
    let operated = Operated::start(config.forward(&unix, local.addr(), "name = 'local'"));
    end(&served_client(&ports[0]));
    end(&served_client(&ports[1]));
    let _ = connect(&ports[2]);
    let proxied = connect(&ports[3]).unwrap();
    play(&proxied, Script::new().write_bytes("PROXY TCP4 192.0.2.7 198.51.100.9 4711 443\r\n"));
    ping(&proxied);
    end(&proxied);
    end(&served_client(unix));
    let killed = served_client(&ports[0]);
    let open = operated.wait_for_sessions(1);
    operated.http.delete(&format!("/v1/sessions/{}", open[0]["id"])).success();
    play(&killed, Script::new().expect_reset());
    let records = operated.wait_for_records(6);
    for record in &records {
        let mut logged = record.json.clone();
        for extra in ["time", "level", "message"] {
            logged.as_object_mut().unwrap().remove(extra);
        }
        let mut kept = operated.http.json(&format!("/v1/sessions/ended/{}", logged["id"]));
        let fields = kept.as_object_mut().unwrap();
        let ended = fields.remove("ended").unwrap();
        assert!(fields.remove("ago").unwrap().as_f64().unwrap() < 60.0);
        assert_eq!(plain(&kept), plain(&logged));
        let duration = logged["duration"].as_f64().unwrap();
        assert!(ended.as_str() >= logged["started"].as_str() && duration < 60.0, "{ended}");
    }
    is_found_by(&operated, &name, "named");
    let of = |name: &str| records.iter().find(|record| record.json["forward"] == name).unwrap();
    assert_eq!(of("proxied").json["client"], "192.0.2.7:4711");
    assert!(of("proxied").json["proxy"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(of("local").json["client"], "unix");
    assert_eq!(of("local").json["target"], local.addr().to_string());
    let shown = forwarder().args(["sessions", "--ended", "--forward", "local", "--admin"]);
    let shown = shown.arg(operated.socket().to_string()).run().success();
    assert!(shown.text().contains(&local.addr().to_string()), "{shown}");
    assert_eq!(of("dead").close_reason(), "target/connect/refused");
    let reasons: Vec<_> = records.iter().map(testkit::SessionRecord::close_reason).collect();
    assert!(reasons.contains(&"operator/relay/killed".to_owned()), "{reasons:?}");
}
