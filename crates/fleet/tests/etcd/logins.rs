//! Users, passwords, roles and tokens.

use std::fs;
use std::path::Path;
use std::time::Duration;

use fleet::{Op, Store, StoreError};
use plan::FleetStore;
use tempfile::TempDir;
use testkit::Etcd;

use super::support::{all_of, at, changed, put, run, store, text, write};

fn as_user(cluster: &Etcd, name: &str, file: &Path) -> FleetStore {
    let user = Some((name.to_owned(), file.to_owned()));
    FleetStore { user, ..at(cluster.endpoints()) }
}

#[test]
fn a_user_has_the_rights_of_its_role() {
    let mut cluster = Etcd::start(1);
    let rights = [("read", "/a/*"), ("readwrite", "/a/instances/edge-1")];
    cluster.add_user("edge-1", "secret", &rights);
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("password");
    fs::write(&file, "secret\n").unwrap();
    run(async {
        let edge = fleet::Etcd::new(&as_user(&cluster, "edge-1", &file), 0);
        // The store has no logins yet.
        write(&edge, "/a/current", b"1").await.unwrap();
        cluster.enable_logins("root");
        assert_eq!(text(&edge, "/a/current").await.as_deref(), Some("1"));
        let lease = edge.grant(Duration::from_secs(15)).await.unwrap();
        let status = Op::Put {
            key: "/a/instances/edge-1".into(),
            value: b"{}".to_vec(),
            lease: Some(lease),
        };
        let done = edge.transact(&all_of(vec![status])).await.unwrap();
        assert!(edge.renew(lease).await.unwrap());
        let mut watch = edge.watch("/a/", done.revision).await.unwrap();
        edge.revoke(lease, "/a/instances/edge-1").await.unwrap();
        changed(&mut watch).await.unwrap();
        let error = write(&edge, "/a/current", b"2").await.unwrap_err();
        assert!(matches!(&error, StoreError::Denied { key, .. } if key == "/a/current"), "{error}");
        let error = edge.list("/e/").await.unwrap_err();
        assert!(matches!(&error, StoreError::Denied { key, .. } if key == "/e/"), "{error}");
        let error = edge.watch("/", 1).await.unwrap_err();
        assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    });
}

#[test]
fn a_store_with_logins_refuses_a_wrong_password_and_none() {
    let mut cluster = Etcd::start(1);
    cluster.enable_logins("secret");
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("password");
    run(async {
        let error = store(&cluster).get("/a/a").await.unwrap_err();
        assert!(matches!(error, StoreError::Login { .. }), "{error}");
        let root = fleet::Etcd::new(&as_user(&cluster, "root", &file), 0);
        let error = root.get("/a/a").await.unwrap_err();
        assert!(matches!(&error, StoreError::File { path, .. } if *path == file), "{error}");
        fs::write(&file, "wrong").unwrap();
        let error = write(&root, "/a/a", b"").await.unwrap_err();
        assert!(matches!(error, StoreError::Login { .. }), "{error}");
        // The file is read again.
        fs::write(&file, "secret").unwrap();
        write(&root, "/a/a", b"1").await.unwrap();
        assert_eq!(text(&root, "/a/a").await.as_deref(), Some("1"));
    });
}

#[test]
fn an_expired_token_is_renewed() {
    let mut cluster = Etcd::start_with(1, None, &["--auth-token-ttl=1"]);
    cluster.enable_logins("secret");
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("password");
    fs::write(&file, "secret").unwrap();
    run(async {
        let store = fleet::Etcd::new(&as_user(&cluster, "root", &file), 0);
        write(&store, "/a/a", b"1").await.unwrap();
        // Each use renews a token, so that its end can only be waited out. etcd looks for old ones once a second.
        for value in ["2", "3"] {
            tokio::time::sleep(Duration::from_millis(2500)).await;
            write(&store, "/a/a", value.as_bytes()).await.unwrap();
            assert_eq!(text(&store, "/a/a").await.as_deref(), Some(value));
        }
        // A restarted member does not know the token.
        cluster.kill_member(0);
        cluster.start_member(0);
        cluster.wait_until_healthy();
        store.transact(&all_of(vec![put("/a/a", b"4")])).await.unwrap();
    });
}
