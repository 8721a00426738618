//! The store of a fleet, its rights and certificates, and the directory `keep`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use doctor::Check;
use tempfile::TempDir;
use testkit::{Authority, Etcd, EtcdTls, Forwarder, Port};

use super::Examined;
use crate::support::forwarder;

/// More than `doctor` may take, on a busy machine.
const PROMPT: Duration = Duration::from_secs(20);

/// The configuration of the instance `edge-1`, without forwards.
fn text(from: &str, keep: &Path, lines: &str) -> String {
    let keep = keep.display();
    format!("[fleet]\nfrom = '{from}'\nname = 'edge-1'\nkeep = '{keep}'\n{lines}")
}

#[track_caller]
fn doctor(from: &str, keep: &Path, lines: &str) -> Examined {
    let begun = Instant::now();
    let examined = Examined::of_text(forwarder().arg("doctor"), &text(from, keep, lines));
    assert!(begun.elapsed() < PROMPT, "after {:?}", begun.elapsed());
    examined
}

impl Examined {
    /// Asserts the verdict of a check, and words in its finding, its details or its advice.
    #[track_caller]
    fn assert_says(&self, check: Check, verdict: &str, words: &str) {
        self.assert_verdict(check, verdict);
        let finding = self.finding(check).to_string();
        assert!(finding.contains(words), "{words}: {finding}");
    }
}

#[test]
fn members_that_are_down_are_named_until_none_is_left() {
    let mut cluster = Etcd::start(3);
    let dir = TempDir::new().unwrap();
    let keep = dir.path().join("keep");
    let from = cluster.url("/path");
    let healthy = doctor(&from, &keep, "");
    healthy.assert_says(Check::FleetStore, "ok", "3 of 3 endpoints of the store work");
    healthy.assert_says(Check::FleetRights, "warn", "the store wants no login");
    healthy.assert_says(Check::FleetKeep, "ok", "can be created");
    assert!(!keep.exists());
    let keys = cluster.ctl(["get", "--prefix", "", "--keys-only"]);
    assert_eq!(keys.trim(), "", "nothing is left behind");

    let one = doctor(
        &cluster.url("/path").replace(&format!(",{}", cluster.endpoints()[2]), ""),
        &keep,
        "",
    );
    one.assert_says(Check::FleetStore, "ok", "`from` names 2 of 3 members");
    let down = cluster.leader();
    cluster.kill_member(down);
    cluster.leader();
    let two = doctor(&from, &keep, "");
    two.assert_says(Check::FleetStore, "warn", "2 of 3 endpoints of the store work");
    two.assert_says(Check::FleetStore, "warn", "refused");
    two.assert_says(Check::FleetStore, "warn", "start etcd there");
    cluster.freeze_member((down + 1) % 3);
    let none = doctor(&from, &keep, "");
    none.assert_says(Check::FleetStore, "fail", "no answer within 3s");
    none.assert_says(Check::FleetStore, "fail", "no quorum");
    none.assert_verdict(Check::FleetRights, "warn");
    none.assert_overall("fail");
    let shown = forwarder().arg("doctor").config(text(&from, &keep, "")).run().text();
    assert!(shown.contains("fail  fleet_store: "), "{shown}");
    let unasked = Examined::of_text(
        forwarder().args(["doctor", "--no-connect"]),
        &self::text(&from, &keep, ""),
    );
    unasked.assert_says(Check::FleetStore, "ok", "not connected to");
}

#[test]
fn each_wrong_endpoint_has_its_cause_and_its_remedy() {
    let cluster = Etcd::start(1);
    let dir = TempDir::new().unwrap();
    let keep = dir.path().join("keep");
    let (closed, member) = (Port::v4(), &cluster.endpoints()[0]);
    let from = format!("etcd://unknown.invalid:2379,{},{member}/path", closed.addr());
    let examined = doctor(&from, &keep, "");
    examined.assert_says(Check::FleetStore, "warn", "1 of 3 endpoints of the store work");
    examined.assert_says(Check::FleetStore, "warn", "look-up: ");
    examined.assert_says(Check::FleetStore, "warn", "a line in /etc/hosts");
    examined.assert_says(Check::FleetStore, "warn", "connection refused");
    examined.assert_says(Check::FleetStore, "warn", "clients of etcd have port 2379");
    examined.assert_says(Check::FleetStore, "warn", "no redundancy");
    let tls = doctor(&format!("etcds://{member}/path"), &keep, "");
    tls.assert_says(Check::FleetStore, "fail", "write `etcd://`");
    let other = Etcd::start(1);
    let from = format!("etcd://{member},{}/path", other.endpoints()[0]);
    doctor(&from, &keep, "").assert_says(Check::FleetStore, "fail", "different clusters");
}

#[test]
fn rights_are_tried_without_a_write() {
    let mut cluster = Etcd::start(1);
    let own = "/path/instances/edge-1";
    cluster.add_user("edge-1", "secret", &[("read", "/path/*"), ("readwrite", own)]);
    cluster.add_user("reader", "secret", &[("read", "/path/*")]);
    cluster.add_user("blind", "secret", &[("readwrite", own)]);
    cluster.add_user("publisher", "secret", &[("readwrite", "/path/*")]);
    cluster.enable_logins("root");
    // A running instance of this name.
    cluster.ctl(["put", own, "its status"]);
    let before = cluster.ctl(["get", "--prefix", "", "-w", "fields"]);
    let dir = TempDir::new().unwrap();
    let (keep, password) = (dir.path().join("keep"), dir.path().join("password"));
    fs::write(&password, "secret\n").unwrap();
    let as_user = |user: &str| {
        let lines = format!("user = '{user}'\npassword_file = '{}'\n", password.display());
        doctor(&cluster.url("/path"), &keep, &lines)
    };
    as_user("edge-1").assert_says(Check::FleetRights, "ok", "write only its own");
    let reader = as_user("reader");
    reader.assert_says(Check::FleetRights, "fail", "readwrite /path/instances/edge-1");
    let blind = as_user("blind");
    blind.assert_says(
        Check::FleetRights,
        "fail",
        "role grant-permission ROLE read --prefix /path/",
    );
    let publisher = as_user("publisher");
    publisher.assert_says(Check::FleetRights, "warn", "`publisher` may write `/path/current`");
    as_user("stranger").assert_says(Check::FleetRights, "fail", "check `user` and `password_file`");
    let without = doctor(&cluster.url("/path"), &keep, "");
    without.assert_says(Check::FleetStore, "ok", "1 of 1");
    without.assert_says(Check::FleetRights, "fail", "check `user` and `password_file`");
    fs::remove_file(&password).unwrap();
    as_user("edge-1").assert_says(Check::FleetRights, "fail", "cannot be read");
    let after = cluster.ctl(["get", "--prefix", "", "-w", "fields"]);
    let keys = |text: &str| text[text.find("\"Key\"").unwrap()..].to_owned();
    assert_eq!(keys(&after), keys(&before), "no key has changed");
    assert_eq!(revision(&after), revision(&before));
}

/// The store's revision, of the output of `etcdctl get`.
fn revision(fields: &str) -> &str {
    fields.lines().find(|line| line.starts_with("\"Revision\"")).unwrap()
}

#[test]
fn dates_of_certificates_are_judged() {
    let authority = Authority::new();
    let mut tls = EtcdTls::new(&authority, "serverAuth,clientAuth");
    tls.client = Some(authority.issue("client", "clientAuth", 300));
    let cluster = Etcd::start_with(1, Some(tls), &[]);
    let dir = TempDir::new().unwrap();
    let keep = dir.path().join("keep");
    let with = |name: &str, days| {
        let own = authority.issue(name, "clientAuth", days);
        let [ca, file, key] =
            [&authority.file(), &own.file, &own.key].map(|it| it.display().to_string());
        let lines = format!("ca = '{ca}'\ncertificate = '{file}'\nkey = '{key}'\n");
        doctor(&cluster.url("/path"), &keep, &lines)
    };
    let good = with("good", 300);
    good.assert_says(Check::FleetCertificates, "ok", "all of 3 are valid");
    good.assert_says(Check::FleetStore, "ok", "1 of 1 endpoints of the store work");
    with("short", 20).assert_says(Check::FleetCertificates, "warn", "(19 days)");
    let expired = with("expired", -1);
    expired.assert_says(Check::FleetCertificates, "fail", "expired on ");
    expired.assert_says(Check::FleetStore, "fail", "it refuses the file `certificate`");
    let missing = doctor(&cluster.url("/path"), &keep, "ca = '/no/such.pem'\n");
    missing.assert_says(Check::FleetCertificates, "fail", "cannot be read");
}

#[test]
fn a_certificate_that_a_member_shows_is_judged() {
    let authority = Authority::new();
    let dir = TempDir::new().unwrap();
    let keep = dir.path().join("keep");
    let with = |days| {
        let mut tls = EtcdTls::new(&authority, "serverAuth");
        tls.server = authority.issue("server", "serverAuth", days);
        // etcdctl cannot reach a member with an expired one.
        let cluster = Etcd::spawn(1, Some(tls), &[]);
        if days > 0 {
            cluster.wait_until_healthy();
        }
        let ca = format!("ca = '{}'\n", authority.file().display());
        testkit::wait_for("etcd to listen", PROMPT, || {
            let examined = doctor(&cluster.url("/path"), &keep, &ca);
            let store = examined.finding(Check::FleetStore).to_string();
            (!store.contains("refused")).then_some(examined)
        })
    };
    with(10).assert_says(Check::FleetCertificates, "warn", "(9 days)");
    with(-1).assert_says(Check::FleetStore, "fail", "its certificate has expired: renew it");
}

#[test]
fn a_certificate_of_etcd_that_is_good_for_servers_only_is_named() {
    let authority = Authority::new();
    let client = authority.issue("client", "clientAuth", 300);
    let mut tls = EtcdTls::new(&authority, "serverAuth");
    tls.client = Some(client.clone());
    let cluster = Etcd::start_with(1, Some(tls), &[]);
    let dir = TempDir::new().unwrap();
    let [ca, file, key] =
        [&authority.file(), &client.file, &client.key].map(|it| it.display().to_string());
    let lines = format!("ca = '{ca}'\ncertificate = '{file}'\nkey = '{key}'\n");
    let examined = doctor(&cluster.url("/path"), &dir.path().join("keep"), &lines);
    let words = "add `clientAuth` to its extended key usage";
    examined.assert_says(Check::FleetStore, "fail", words);
}

#[test]
fn keep_is_examined_beside_the_process_that_uses_it() {
    let closed = Port::v4();
    let from = format!("etcd://{}/path", closed.addr());
    let dir = TempDir::new().unwrap();
    let keep = dir.path().join("keep");
    let of_file = |running: &Forwarder| {
        let path = running.config_path();
        Examined::of(forwarder().args(["doctor", "--no-connect", "-c"]).arg(path))
    };
    let admin = format!("[process]\nadmin = 'unix:{}/admin.sock'\n", dir.path().display());
    let running = forwarder().config(admin + &text(&from, &keep, "")).start();
    running.ready();
    let used = format!("process {} uses", running.pid());
    of_file(&running).assert_says(Check::FleetKeep, "ok", &used);
    let other = doctor(&from, &keep, "");
    other.assert_says(Check::FleetKeep, "fail", &used);
    other.assert_says(Check::FleetKeep, "fail", "with another configuration");
    drop(running);
    doctor(&from, &keep, "").assert_says(Check::FleetKeep, "ok", "can be kept in");
    fs::write(keep.join("state.json"), "{").unwrap();
    doctor(&from, &keep, "").assert_says(Check::FleetKeep, "warn", "state.json");
    fs::set_permissions(&keep, fs::Permissions::from_mode(0o777)).unwrap();
    doctor(&from, &keep, "").assert_says(Check::FleetKeep, "fail", "chmod 0700");
    let missing = dir.path().join("missing/keep");
    doctor(&from, &missing, "").assert_says(Check::FleetKeep, "fail", "install -d -o ");
    assert!(!missing.parent().unwrap().exists());
    let in_memory = TempDir::new_in("/dev/shm").unwrap();
    let keep = in_memory.path().join("keep");
    doctor(&from, &keep, "").assert_says(Check::FleetKeep, "warn", "it is in memory");
}
