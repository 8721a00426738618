//! Members that end, freeze, or are alone.

use std::time::{Duration, Instant};

use fleet::{Store, StoreError};
use testkit::{Etcd, Port};

use super::support::{at, changed, run, store, text, write};

#[test]
fn a_dead_member_costs_no_time() {
    let cluster = Etcd::start(1);
    let port = Port::v4();
    run(async {
        let endpoints = [vec![port.addr().to_string()], cluster.endpoints()].concat();
        let store = fleet::Etcd::new(&at(endpoints), 0);
        let begin = Instant::now();
        write(&store, "/a/a", b"1").await.unwrap();
        assert_eq!(text(&store, "/a/a").await.as_deref(), Some("1"));
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
        let health = store.members().await;
        assert!(health[0].result.is_err() && health[1].result.is_ok(), "{health:?}");
    });
}

#[test]
fn no_endpoint_answers() {
    let ports = [Port::v4(), Port::v4()];
    run(async {
        let endpoints: Vec<_> = ports.iter().map(|port| port.addr().to_string()).collect();
        let store = fleet::Etcd::new(&at(endpoints.clone()), 1);
        let error = store.get("/a/a").await.unwrap_err();
        let StoreError::Unreachable(causes) = &error else { panic!("{error}") };
        assert_eq!(causes.len(), 2);
        assert_eq!(
            error.to_string(),
            format!(
                "no endpoint of the store answers: {}: connection refused; {}: connection refused",
                endpoints[1], endpoints[0]
            )
        );
        // Nothing was sent, so nothing is unknown.
        let error = write(&store, "/a/a", b"1").await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
    });
}

#[test]
fn a_frozen_member_is_left_within_three_seconds_and_ends_its_watch() {
    let cluster = Etcd::start(3);
    let follower = (cluster.leader() + 1) % 3;
    run(async {
        let store = fleet::Etcd::new(&at(cluster.endpoints()), follower);
        let revision = write(&store, "/a/a", b"1").await.unwrap();
        let mut watch = store.watch("/a/", revision).await.unwrap();
        cluster.freeze_member(follower);
        let begin = Instant::now();
        assert_eq!(text(&store, "/a/a").await.as_deref(), Some("1"));
        assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
        // From then on the next one is used at once.
        let begin = Instant::now();
        write(&store, "/a/a", b"2").await.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
        let error = changed(&mut watch).await.unwrap_err();
        assert!(error.to_string().contains("moved to another member"), "{error}");
        let health = store.members().await;
        assert_eq!(health.iter().filter(|it| it.result.is_ok()).count(), 2, "{health:?}");
        cluster.thaw_member(follower);
    });
}

#[test]
fn a_killed_leader_is_replaced_within_a_call() {
    let mut cluster = Etcd::start(3);
    let leader = cluster.leader();
    run(async {
        let store = fleet::Etcd::new(&at(cluster.endpoints()), leader);
        let revision = write(&store, "/a/a", b"1").await.unwrap();
        let mut watch = store.watch("/a/", revision).await.unwrap();
        cluster.kill_member(leader);
        assert_eq!(text(&store, "/a/a").await.as_deref(), Some("1"));
        write(&store, "/a/a", b"2").await.unwrap();
        assert!(changed(&mut watch).await.is_err());
        let mut watch = store.watch("/a/", revision).await.unwrap();
        changed(&mut watch).await.unwrap();
    });
}

#[test]
fn a_member_without_a_quorum_says_so_and_ends_its_watch() {
    let mut cluster = Etcd::start(3);
    run(async {
        let store = store(&cluster);
        let revision = write(&store, "/a/a", b"1").await.unwrap();
        let mut watch = store.watch("/a/", revision).await.unwrap();
        cluster.kill_member(1);
        cluster.kill_member(2);
        let begin = Instant::now();
        let error = store.get("/a/a").await.unwrap_err();
        assert!(matches!(error, StoreError::NoQuorum { .. }), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
        let error = changed(&mut watch).await.unwrap_err();
        assert!(matches!(error, StoreError::NoQuorum { .. }), "{error}");
        let error = write(&store, "/a/a", b"2").await.unwrap_err();
        assert!(matches!(error, StoreError::NoQuorum { .. }), "{error}");
        let health = store.members().await;
        assert!(matches!(health[0].result, Err(StoreError::NoQuorum { .. })), "{health:?}");
        cluster.start_member(1);
        cluster.wait_until_healthy();
        assert_eq!(text(&store, "/a/a").await.as_deref(), Some("1"));
    });
}

#[test]
fn a_wiped_cluster_is_another_one_and_a_restored_one_goes_back() {
    let mut cluster = Etcd::start(1);
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("snapshot");
    run(async {
        let store = store(&cluster);
        write(&store, "/a/a", b"1").await.unwrap();
        cluster.save_snapshot(&file);
        write(&store, "/a/a", b"2").await.unwrap();
        let before = store.get("/a/a").await.unwrap();
        cluster.restore_snapshot(&file);
        assert_eq!(text(&store, "/a/a").await.as_deref(), Some("1"));
        cluster.wipe();
        let after = store.get("/a/a").await.unwrap();
        assert_eq!(after.value, None);
        assert_ne!(after.cluster, before.cluster);
    });
}
