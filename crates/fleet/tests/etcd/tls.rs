//! Certificates.

use std::error::Error;
use std::fs;

use fleet::{Store, StoreError};
use plan::FleetStore;
use testkit::{Authority, Etcd, EtcdTls};

use super::support::{at, run, text, write};

const BOTH: &str = "serverAuth,clientAuth";

fn with_tls(cluster: &Etcd) -> FleetStore {
    let mut store = at(cluster.endpoints());
    store.url.tls = true;
    store.ca = cluster.tls().map(|tls| tls.ca.clone());
    store
}

async fn message_of_tls(store: &FleetStore) -> String {
    match fleet::Etcd::new(store, 0).get("/a/a").await.unwrap_err() {
        StoreError::Tls { message, .. } => message,
        error => panic!("{error}"),
    }
}

#[test]
fn the_members_certificate_is_checked() {
    let authority = Authority::new();
    let cluster = Etcd::start_with(1, Some(EtcdTls::new(&authority, "serverAuth")), &[]);
    run(async {
        let right = with_tls(&cluster);
        let store = fleet::Etcd::new(&right, 0);
        write(&store, "/a/a", b"1").await.unwrap();
        assert_eq!(text(&store, "/a/a").await.as_deref(), Some("1"));
        let other = Authority::new();
        let wrong = FleetStore { ca: Some(other.file()), ..right.clone() };
        let message = message_of_tls(&wrong).await;
        assert!(message.starts_with("its certificate is not signed by an authority"), "{message}");
        let mut plain = right.clone();
        plain.url.tls = false;
        let error = fleet::Etcd::new(&plain, 0).get("/a/a").await.unwrap_err();
        assert!(error.to_string().contains("etcds://"), "{error}");
        let missing = FleetStore { ca: Some("/nowhere/ca.pem".into()), ..right };
        let error = fleet::Etcd::new(&missing, 0).get("/a/a").await.unwrap_err();
        assert!(
            error.to_string().contains("`/nowhere/ca.pem` cannot be read: no such file"),
            "{error}"
        );
        let fault = error.source().expect("the fault of the file");
        let cause = fault.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
        assert_eq!(cause.map(std::io::Error::kind), Some(std::io::ErrorKind::NotFound));
    });
}

#[test]
fn a_member_without_tls_is_recognised() {
    let cluster = Etcd::start(1);
    run(async {
        let authority = Authority::new();
        let store = FleetStore { ca: Some(authority.file()), ..with_tls(&cluster) };
        let message = message_of_tls(&store).await;
        assert!(message.contains("etcd://"), "{message}");
    });
}

#[test]
fn a_client_certificate_is_shown_and_read_again() {
    let authority = Authority::new();
    let client = authority.issue("edge-1", "clientAuth", 30);
    let expired = authority.issue("old", "clientAuth", -1);
    let mut tls = EtcdTls::new(&authority, BOTH);
    tls.client = Some(client.clone());
    let cluster = Etcd::start_with(1, Some(tls), &[]);
    run(async {
        let message = message_of_tls(&with_tls(&cluster)).await;
        assert!(message.contains("set `certificate` and `key`"), "{message}");
        let dir = tempfile::TempDir::new().unwrap();
        let (file, key) = (dir.path().join("c.pem"), dir.path().join("c.key"));
        let install = |from: &testkit::Certificate| {
            fs::copy(&from.file, &file).unwrap();
            fs::copy(&from.key, &key).unwrap();
        };
        install(&expired);
        let certificate = Some((file.clone(), key.clone()));
        let configured = FleetStore { certificate, ..with_tls(&cluster) };
        let message = message_of_tls(&configured).await;
        assert!(message.contains("refuses the file `certificate`"), "{message}");
        let store = fleet::Etcd::new(&configured, 0);
        store.get("/a/a").await.unwrap_err();
        install(&client);
        write(&store, "/a/a", b"1").await.unwrap();
        assert_eq!(text(&store, "/a/a").await.as_deref(), Some("1"));
        assert!(store.members().await[0].result.is_ok());
    });
}

#[test]
fn a_certificate_that_is_not_good_for_clients_is_recognised() {
    let authority = Authority::new();
    let client = authority.issue("edge-1", "clientAuth", 30);
    let mut tls = EtcdTls::new(&authority, "serverAuth");
    tls.client = Some(client.clone());
    let cluster = Etcd::start_with(1, Some(tls), &[]);
    run(async {
        let certificate = Some((client.file, client.key));
        let store = FleetStore { certificate, ..with_tls(&cluster) };
        let message = message_of_tls(&store).await;
        assert!(message.contains("add `clientAuth`"), "{message}");
        let health = fleet::Etcd::new(&store, 0).members().await;
        assert!(matches!(health[0].result, Err(StoreError::Tls { .. })), "{health:?}");
    });
}

/// docs/fleet.md issues one without a common name, which a login works with.
#[test]
fn a_client_certificate_with_a_common_name_is_recognised_beside_a_login() {
    let authority = Authority::new();
    let client = authority.issue("edge-1", "clientAuth", 30);
    let mut tls = EtcdTls::new(&authority, BOTH);
    tls.client = Some(client.clone());
    let mut cluster = Etcd::start_with(1, Some(tls), &[]);
    cluster.enable_logins("secret");
    run(async {
        let certificate = Some((client.file, client.key));
        let store = FleetStore { certificate, ..with_tls(&cluster) };
        let message = message_of_tls(&store).await;
        assert!(message.contains("a subject that has no `CN`"), "{message}");
    });
}
