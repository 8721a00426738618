//! An instance of a fleet whose store is away: it starts from its last good text, or without one.

use std::fs;
use std::path::Path;

use fleet::{Keep, KeepState, PublishedText, TextHash};
use tempfile::TempDir;
use testkit::{Behaviour, Forwarder, Http, LIMIT, Port, Target, connect, wait_until};

use crate::support::{BINARY, forwarder, messages, ping};

struct Instance {
    forwarder: Forwarder,
    http: Http,
    dir: TempDir,
}

fn forward(name: &str, listen: &Port, target: &Target) -> String {
    let (listen, to) = (listen.addr(), target.addr().tcp());
    format!("[[forward]]\nname = '{name}'\nlisten = '{listen}'\nto = '{to}'\n")
}

fn keep(directory: &Path, text: &str) {
    let good = PublishedText { hash: TextHash::of(text), revision: 42, text: text.into() };
    let kept = KeepState { cluster: 1, revision: 42, good: Some(good), ..KeepState::default() };
    Keep::open(directory).unwrap().save(&kept).unwrap();
}

fn local(dir: &Path, forwards: &str) -> String {
    let dir = dir.display();
    format!(
        "[process]\nworkers = 1\nadmin = 'unix:{dir}/admin.sock'\n[log]\nformat = 'json'\n\
         [fleet]\nfrom = 'etcd://127.0.0.1:1/p'\nname = 'one'\nkeep = '{dir}/keep'\n{forwards}"
    )
}

impl Instance {
    /// Starts one with this last good text and these local forwards.
    fn start(text: Option<&str>, forwards: &str) -> Self {
        let dir = TempDir::new().unwrap();
        if let Some(text) = text {
            keep(&dir.path().join("keep"), text);
        }
        let forwarder = forwarder().config(local(dir.path(), forwards)).start();
        forwarder.ready();
        let http = Http::new(dir.path().join("admin.sock"));
        Self { forwarder, http, dir }
    }

    fn reload(&self, forwards: &str) {
        self.forwarder.write_config(&local(self.dir.path(), forwards));
        self.http.post("/v1/reload").success();
    }

    fn upgrade(&self) {
        self.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
        wait_until("the next image", LIMIT, || !messages(&self.forwarder, "upgraded").is_empty());
    }
}

fn serves(listen: &Port) -> bool {
    let Ok(client) = connect(listen) else { return false };
    ping(&client);
    true
}

#[test]
fn without_a_text_the_instance_runs_and_is_not_ready() {
    let instance = Instance::start(None, "");
    instance.http.get("/healthz").status(200);
    let refusal = instance.http.get("/readyz").status(503).json().to_string();
    assert!(refusal.contains("\"no_text\""), "{refusal}");
    assert_eq!(instance.http.json("/v1/status")["forwards"], 0);
    instance.upgrade();
    instance.http.get("/readyz").status(503);
    let (listen, target) = (Port::v4(), Target::start(Behaviour::Echo));
    instance.reload(&forward("local", &listen, &target));
    assert!(serves(&listen));
    instance.http.get("/readyz").status(503);
}

#[test]
fn the_last_good_text_serves_through_reloads_and_upgrades() {
    let (own, more, shared) = (Port::v4(), Port::v4(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let local = forward("local", &own, &target);
    let instance = Instance::start(Some(&forward("shared", &shared, &target)), &local);
    assert!(serves(&own) && serves(&shared));
    instance.http.get("/readyz").status(200);
    instance.reload(&(local + &forward("more", &more, &target)));
    assert!(serves(&own) && serves(&more) && serves(&shared));
    instance.upgrade();
    assert!(serves(&own) && serves(&more) && serves(&shared));
    instance.http.get("/readyz").status(200);
    instance.reload(&forward("local", &own, &target));
    assert!(serves(&own) && connect(&more).is_err() && serves(&shared));
}

#[test]
fn a_published_forward_whose_port_is_taken_is_tried_again_and_holds_up_no_other() {
    let (own, taken, shared) = (Port::v4(), Port::v4(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let address = taken.addr().to_string();
    let text = forward("taken", &taken, &target) + &forward("shared", &shared, &target);
    let other = std::net::TcpListener::bind(&address).unwrap();
    let instance = Instance::start(Some(&text), &forward("local", &own, &target));
    assert!(serves(&own) && serves(&shared));
    assert_eq!(instance.http.json("/v1/status")["restoring"], 1);
    drop(other);
    wait_until("the forward listens", LIMIT, || instance.http.json("/v1/status")["restoring"] == 0);
    assert!(serves(&taken));
}

#[test]
fn a_text_that_is_wrong_here_leaves_the_local_forwards_serving() {
    let (own, shared) = (Port::v4(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let text = forward("local", &shared, &target);
    let instance = Instance::start(Some(&text), &forward("local", &own, &target));
    assert!(serves(&own) && connect(&shared).is_err());
    instance.http.get("/readyz").status(503);
    let log = instance.forwarder.stderr().join("\n");
    assert!(log.contains("is wrong on this machine") && log.contains("revision 42:2:9"), "{log}");
    let state = fs::read_to_string(instance.dir.path().join("keep/state.json")).unwrap();
    assert!(state.contains("42"), "{state}");
}
