//! Passwords, tokens and rights that change under a running instance.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use plan::{FleetStore, StoreUrl};
use tempfile::TempDir;
use testkit::Etcd;

use super::super::fixture::{Fleet, NAME, PREFIX};
use super::fixture::{Faults, Local};

fn own_key() -> String {
    format!("{PREFIX}/instances/{NAME}")
}

/// A store with logins, a user for the instance, and the files of passwords.
fn start(arguments: &[&str]) -> (Fleet, Local, TempDir) {
    let mut cluster = Etcd::start_with(3, None, arguments);
    let (all, own) = (format!("{PREFIX}/*"), own_key());
    for (name, password) in [(NAME, "first"), ("other", "of the other")] {
        cluster.add_user(name, password, &[("read", &all), ("readwrite", &own)]);
    }
    cluster.enable_logins("root");
    let passwords = TempDir::new().unwrap();
    let file = |name: &str, password: &str| {
        let path = passwords.path().join(name);
        fs::write(&path, password).unwrap();
        path
    };
    let root = file("root", "root");
    let url = StoreUrl { tls: false, endpoints: cluster.endpoints(), prefix: PREFIX.to_owned() };
    let publisher = FleetStore { user: Some(("root".to_owned(), root)), ..FleetStore::at(url) };
    let own = file(NAME, "first");
    file("other", "of the other");
    let lines = format!("user = '{NAME}'\npassword_file = '{}'\n", own.display());
    let local = Local::of(&cluster).fleet(&lines);
    (Fleet::with_login(cluster, &publisher), local, passwords)
}

#[test]
fn tokens_passwords_users_and_rights_change() {
    let (fleet, local, passwords) = start(&["--auth-token-ttl=1"]);
    let faults = Faults::start_with(fleet, &local);
    // etcd looks for old tokens once a second.
    thread::sleep(Duration::from_millis(2500));
    faults.publish_reaches_it();

    let (all, own) = (format!("{PREFIX}/"), own_key());
    let ctl = |arguments: &[&str]| faults.fleet.cluster.ctl(arguments);
    let begin = Instant::now();
    ctl(&["user", "delete", NAME]);
    ctl(&["user", "add", &format!("{NAME}:second")]);
    ctl(&["user", "grant-role", NAME, NAME]);
    faults.is_away(begin, "check `user` and `password_file`");
    fs::write(passwords.path().join(NAME), "second").unwrap();
    faults.is_healthy();
    faults.publish_reaches_it();

    let begin = Instant::now();
    ctl(&["role", "revoke-permission", "--prefix=true", NAME, &all]);
    faults.is_away(begin, &format!("the store refuses access to `{PREFIX}/current`"));
    ctl(&["role", "grant-permission", "--prefix=true", NAME, "read", &all]);
    faults.is_healthy();
    faults.publish_reaches_it();

    let begin = Instant::now();
    ctl(&["role", "revoke-permission", NAME, &own]);
    let revision = faults.publish();
    faults.is_not_followed(begin, &format!("the store refuses access to `{own}`"));
    ctl(&["role", "grant-permission", NAME, "readwrite", &own]);
    faults.runs(revision);
    faults.publish_reaches_it();

    // Another user and its file, by a reload.
    ctl(&["user", "delete", NAME]);
    let other = passwords.path().join("other");
    let lines = format!("user = 'other'\npassword_file = '{}'\n", other.display());
    faults.reload(&local.fleet(&lines));
    faults.is_healthy();
    faults.publish_reaches_it();
    faults.finish();
}
