//! Several tokens with roles, their rotation, and the lines about denied requests and changes.

use std::fs;

use serde_json::Value;
use testkit::{Forwarder, Http, LIMIT, Signal, wait_until};

use super::code;
use super::interfaces::{Interfaces, TOKEN, VIEWER, write_tokens};
use crate::support::messages;

fn both() -> String {
    format!("# ours\noperate ann {TOKEN}\nview prometheus {VIEWER}\n")
}

fn actions(forwarder: &Forwarder) -> Vec<Value> {
    messages(forwarder, "admin action")
}

#[test]
fn a_viewer_reads_and_an_operator_changes() {
    let interfaces = Interfaces::start(&both());
    let (viewer, operator) = (interfaces.port(VIEWER), interfaces.port(TOKEN));
    for path in ["/v1/status", "/metrics", "/v1/sessions", "/openapi.json"] {
        viewer.get(path).success();
    }
    for denied in [
        viewer.post("/v1/reload"),
        viewer.post("/v1/reload?dry_run=true"),
        viewer.post("/v1/upgrade"),
        viewer.delete("/v1/sessions?forward=echo"),
        viewer.get("/debug/pprof/heap"),
    ] {
        assert_eq!(code(&denied), (403, "forbidden".into()));
        let message = "the token of `prometheus` has the role `view`: this needs `operate`";
        assert!(denied.body.contains(message), "{denied:?}");
    }
    operator.post("/v1/forwards/echo/drain").success();
    operator.post("/v1/forwards/echo/resume").success();
    assert_eq!(operator.json("/v1/status")["generation"], 1);
}

#[test]
fn viewers_leave_event_streams_to_operators() {
    let interfaces = Interfaces::start(&both());
    let (viewer, operator) = (interfaces.port(VIEWER), interfaces.port(TOKEN));
    let watch = |http: &Http| http.events("/v1/events", LIMIT);
    let mut viewers: Vec<_> = (0..12).map(|_| watch(&viewer)).collect();
    // A response to HEAD has no events, and ends in any case.
    let has_room = || viewer.ask("HEAD", "/v1/events").status == 200;
    assert!(!has_room());
    let refused = viewer.get("/v1/events");
    assert_eq!(code(&refused), (503, "busy".into()));
    assert!(refused.body.contains("viewers have 12 event streams open, the most"), "{refused:?}");
    let operators: Vec<_> = (0..4).map(|_| watch(&operator)).collect();
    assert_eq!(code(&operator.get("/v1/events")), (503, "busy".into()));
    // An ended stream makes room for another one.
    drop(viewers.pop());
    wait_until("a free place", LIMIT, has_room);
    drop(operators);
}

#[test]
fn a_reload_rotates_the_tokens() {
    const NEW: &str = "11112222333344445555666677778888";
    let interfaces = Interfaces::start(&both());
    let report = interfaces.socket().post("/v1/reload").success().json();
    assert_eq!(report["new_tokens"], false);
    write_tokens(interfaces.dir.path(), &format!("operate ann {NEW}\n"));
    let plan = interfaces.socket().post("/v1/reload?dry_run=true").success().json();
    assert_eq!(
        (&plan["new_tokens"], interfaces.port(NEW).get("/v1/status").status),
        (&true.into(), 401)
    );
    // Nothing else has changed.
    let report = interfaces.socket().post("/v1/reload").success().json();
    assert_eq!(report["new_tokens"], true);
    for gone in [TOKEN, VIEWER] {
        assert_eq!(code(&interfaces.port(gone).get("/v1/status")), (401, "unauthorized".into()));
    }
    interfaces.port(NEW).get("/v1/status").success();
    // A wrong file leaves those in force.
    write_tokens(interfaces.dir.path(), &format!("operate ann {NEW}\nadmin bob {TOKEN}\n"));
    let refused = interfaces.socket().post("/v1/reload");
    assert_eq!(code(&refused), (409, "unfit".into()));
    assert!(refused.body.contains("token:2: the role must be `view` or `operate`"), "{refused:?}");
    assert!(!refused.body.contains(TOKEN), "{refused:?}");
    interfaces.port(NEW).get("/v1/status").success();
    // A fall-back takes the configuration back, and no token.
    write_tokens(interfaces.dir.path(), &format!("operate ann {TOKEN}\n"));
    interfaces.port(NEW).post("/v1/reload?confirm=1s").success();
    let reverted = "the new configuration was not confirmed: reverted to the previous one";
    interfaces.forwarder.wait_for_message(reverted);
    interfaces.port(TOKEN).get("/v1/status").success();
    assert_eq!(interfaces.port(NEW).get("/v1/status").status, 401);
    // The signal and an upgrade read the file, too.
    write_tokens(interfaces.dir.path(), &format!("view ann {NEW}\n"));
    interfaces.forwarder.signal(Signal::HUP);
    wait_until("the tokens", LIMIT, || interfaces.port(NEW).get("/v1/status").status == 200);
    write_tokens(interfaces.dir.path(), &both());
    interfaces.upgrade();
    interfaces.port(VIEWER).get("/v1/status").success();
    assert_eq!(interfaces.port(NEW).get("/v1/status").status, 401);
}

#[test]
fn the_line_of_a_kill_by_number_names_the_session() {
    let interfaces = Interfaces::start(&both());
    let id = interfaces.socket().json("/v1/sessions")["sessions"][0]["id"].as_u64().unwrap();
    // `dry_run` belongs to a reload, and hides no other change.
    interfaces.port(TOKEN).delete(&format!("/v1/sessions/{id}?dry_run=true")).success();
    wait_until("the line", LIMIT, || actions(&interfaces.forwarder).len() == 1);
    let line = &actions(&interfaces.forwarder)[0];
    assert_eq!((&line["sessions"], &line["ids"]), (&1.into(), &id.to_string().into()), "{line}");
}

#[test]
fn each_change_is_attributed() {
    let interfaces = Interfaces::start(&both());
    let operator = interfaces.port(TOKEN);
    interfaces.anonymous().get("/healthz").success();
    operator.get("/v1/status").success();
    let id = interfaces.socket().json("/v1/sessions")["sessions"][0]["id"].as_u64().unwrap();
    assert_eq!(actions(&interfaces.forwarder).len(), 0, "reading is no change");
    interfaces.socket().post("/v1/forwards/echo/drain").success();
    operator.delete("/v1/sessions?client=127.0.0.0/8").success();
    operator.delete("/v1/sessions/99").status(404);
    interfaces.socket().post("/v1/reload").success();
    operator.post("/v1/reload").success();
    wait_until("the lines", LIMIT, || actions(&interfaces.forwarder).len() == 5);
    let lines = actions(&interfaces.forwarder);
    let of = |line: &Value, key: &str| line[key].clone();
    let own = sys_user();
    assert_eq!(of(&lines[0], "action"), "drain");
    assert_eq!(of(&lines[0], "target"), "/v1/forwards/echo/drain");
    assert_eq!((of(&lines[0], "uid"), of(&lines[0], "outcome")), (own.into(), "ok".into()));
    assert_eq!(of(&lines[0], "pid"), std::process::id());
    assert_eq!((of(&lines[1], "action"), of(&lines[1], "name")), ("kill".into(), "ann".into()));
    assert_eq!(
        (of(&lines[1], "sessions"), of(&lines[1], "ids")),
        (1.into(), id.to_string().into())
    );
    assert!(of(&lines[1], "peer").as_str().unwrap().starts_with("127.0.0.1:"), "{}", lines[1]);
    assert_eq!(
        (of(&lines[2], "outcome"), of(&lines[2], "role")),
        ("not_found".into(), "operate".into())
    );
    assert_eq!((of(&lines[3], "action"), of(&lines[3], "outcome")), ("reload".into(), "ok".into()));
    // The line about the reload has its caller, too.
    let reloads = messages(&interfaces.forwarder, "configuration reloaded");
    for (reload, action) in reloads.iter().zip(&lines[3..]) {
        assert_eq!(of(reload, "by"), "admin");
        for key in ["name", "uid", "pid", "peer"] {
            assert_eq!(of(reload, key), of(action, key), "{reload} {action}");
        }
    }
    assert_eq!((reloads.len(), of(&reloads[1], "name")), (2, "ann".into()));
}

#[test]
fn denied_requests_are_counted_and_logged_now_and_then() {
    let interfaces = Interfaces::start(&both());
    for _ in 0..20 {
        interfaces.port("wrong").get("/v1/status").status(401);
    }
    interfaces.anonymous().get("/v1/status").status(401);
    interfaces.port(VIEWER).post("/v1/reload").status(403);
    let metrics = || interfaces.metrics().get("/metrics").success().body;
    let count = |reason: &str, count: u64| {
        let line = format!("traffic_forwarder_admin_denied_total{{reason=\"{reason}\"}} {count}\n");
        assert!(metrics().contains(&line), "{line}");
    };
    count("wrong_token", 20);
    count("no_token", 1);
    count("role", 1);
    let logged = || {
        let lines = messages(&interfaces.forwarder, "admin request denied").into_iter();
        lines.filter(|it| it["reason"] == "wrong_token").collect::<Vec<_>>()
    };
    let sum = || logged().iter().map(|it| it["count"].as_u64().unwrap()).sum::<u64>();
    wait_until("the exact count", LIMIT, || sum() == 20);
    assert_eq!(logged().len(), 2, "at once, and after five seconds: {:?}", logged());
    assert!(logged()[0]["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    let text = interfaces.forwarder.stderr().join("\n");
    assert!(!text.contains(TOKEN) && !text.contains(VIEWER) && !text.contains("wrong\""), "{text}");
    interfaces.upgrade();
    count("wrong_token", 20);
}

#[test]
fn the_check_names_a_token_file_that_cannot_be_used() {
    let dir = tempfile::TempDir::new().unwrap();
    let token = dir.path().join("token");
    let text = format!(
        "[process]\nadmin = '127.0.0.1:1'\nadmin_token_file = '{}'\n[[forward]]\nlisten = \
         '127.0.0.1:2'\nto = '127.0.0.1:3'\n",
        token.display()
    );
    let config = dir.path().join("conf.toml");
    fs::write(&config, text).unwrap();
    let check = || {
        let finished = crate::support::forwarder().args(["check", "-c"]).arg(&config).run();
        (finished.status.code(), finished.to_string())
    };
    let (code, said) = check();
    assert!(code == Some(2) && said.contains("cannot be read"), "{said}");
    write_tokens(dir.path(), "view ann short");
    let (code, said) = check();
    assert!(code == Some(2) && said.contains("token:1: the token must have at least 16"), "{said}");
    write_tokens(dir.path(), &both());
    assert_eq!(check().0, Some(0));
}

fn sys_user() -> u32 {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap())
}
