//! Each call, with a cluster that works.

use std::time::{Duration, Instant};

use fleet::{LeaseId, Op, Store, StoreError, Txn};
use futures_util::FutureExt;
use testkit::Etcd;

use super::support::{all_of, changed, last_changed, put, run, store, text, write};

#[test]
fn keys_are_read_listed_and_counted() {
    let cluster = Etcd::start(1);
    run(async {
        let store = store(&cluster);
        assert_eq!(store.get("/a/a").await.unwrap().value, None);
        let ops = ["/a/b", "/a/a", "/a/c/1", "/e"].map(|key| put(key, key.as_bytes()));
        assert!(store.transact(&all_of(ops.to_vec())).await.unwrap().value);
        let read = store.get("/a/a").await.unwrap();
        let entry = read.value.unwrap();
        assert_eq!((entry.key.as_str(), &entry.value[..]), ("/a/a", &b"/a/a"[..]));
        assert_eq!(entry.mod_revision, read.revision);
        let all = store.list("/a/").await.unwrap();
        assert_eq!((all.cluster, all.revision), (read.cluster, read.revision));
        let keys: Vec<_> = all.value.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["/a/a", "/a/b", "/a/c/1"]);
        assert_eq!(store.count("/a/").await.unwrap().value, 3);
        assert_eq!(store.list("/none/").await.unwrap().value, []);
        assert_eq!(store.count("").await.unwrap().value, 4);
    });
}

#[test]
fn a_transaction_changes_all_or_nothing() {
    let cluster = Etcd::start(1);
    run(async {
        let store = store(&cluster);
        let create = |value: &[u8]| Txn {
            compare: vec![last_changed("/a/a", 0)],
            ops: vec![put("/a/a", value), put("/a/b", value)],
        };
        let first = store.transact(&create(b"1")).await.unwrap();
        assert!(first.value);
        let second = store.transact(&create(b"2")).await.unwrap();
        assert!(!second.value);
        assert_eq!(
            (text(&store, "/a/a").await, second.revision),
            (Some("1".into()), first.revision)
        );
        let change = Txn {
            compare: vec![last_changed("/a/a", first.revision)],
            ops: vec![Op::Delete { key: "/a/a".into() }, put("/a/c/1", b""), put("/a/c/2", b"3")],
        };
        assert!(store.transact(&change).await.unwrap().value);
        assert_eq!(text(&store, "/a/a").await, None);
        assert_eq!(text(&store, "/a/c/1").await, Some(String::new()));
        let remove = all_of(vec![Op::DeleteAll { prefix: "/a/c/".into() }]);
        store.transact(&remove).await.unwrap();
        assert_eq!(store.count("/a/").await.unwrap().value, 1);
    });
}

#[test]
fn values_of_one_mebibyte_pass_and_larger_ones_are_refused() {
    const MIB: usize = 1 << 20;
    let cluster = Etcd::start(1);
    run(async {
        let store = store(&cluster);
        let part = |number: u8| vec![number; MIB];
        for number in 10..24 {
            write(&store, &format!("/a/{number}"), &part(number)).await.unwrap();
        }
        // More than one answer may have.
        let all = store.list("/a/").await.unwrap().value;
        let values: Vec<_> = all.into_iter().map(|entry| entry.value).collect();
        assert!(values == (10..24).map(part).collect::<Vec<_>>());
        let error = write(&store, "/a/big", &vec![b'x'; 2 * MIB - 1000]).await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    });
}

#[test]
fn more_keys_than_a_page_are_listed_as_of_one_revision() {
    let cluster = Etcd::start(1);
    run(async {
        let store = store(&cluster);
        let key = |number: usize| format!("/a/{number:05}");
        for first in (0..1200).step_by(100) {
            let ops = (first..first + 100).map(|number| put(&key(number), b"v")).collect();
            store.transact(&all_of(ops)).await.unwrap();
        }
        let all = store.list("/a/").await.unwrap();
        let keys: Vec<_> = all.value.into_iter().map(|entry| entry.key).collect();
        assert_eq!(keys, (0..1200).map(key).collect::<Vec<_>>());
        assert_eq!(all.revision, store.get("/a/00000").await.unwrap().revision);
        assert_eq!(store.keys("/a/").await.unwrap().value, keys);
    });
}

#[test]
fn a_key_ends_with_its_lease_unless_it_is_renewed() {
    let cluster = Etcd::start(1);
    run(async {
        let store = store(&cluster);
        let lease = store.grant(Duration::from_secs(2)).await.unwrap();
        let key = Op::Put { key: "/a/a".into(), value: b"v".to_vec(), lease: Some(lease) };
        store.transact(&all_of(vec![key.clone()])).await.unwrap();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(4) {
            assert!(store.renew(lease).await.unwrap());
            assert_eq!(text(&store, "/a/a").await.as_deref(), Some("v"));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let read = store.get("/a/a").await.unwrap();
        let mut watch = store.watch("/a/", read.revision).await.unwrap();
        changed(&mut watch).await.unwrap();
        assert_eq!(text(&store, "/a/a").await, None);
        assert!(!store.renew(lease).await.unwrap());
        let error = store.transact(&all_of(vec![key])).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
        store.revoke(lease, "/a/a").await.unwrap();
    });
}

#[test]
fn a_revoked_lease_ends_its_keys_at_once() {
    let cluster = Etcd::start(1);
    run(async {
        let store = store(&cluster);
        let lease = store.grant(Duration::from_secs(60)).await.unwrap();
        assert_ne!(lease, LeaseId(0));
        let key = Op::Put { key: "/a/a".into(), value: b"v".to_vec(), lease: Some(lease) };
        store.transact(&all_of(vec![key])).await.unwrap();
        store.revoke(lease, "/a/a").await.unwrap();
        assert_eq!(text(&store, "/a/a").await, None);
        store.revoke(lease, "/a/a").await.unwrap();
    });
}

#[test]
fn a_watch_reports_changes_after_its_revision_and_below_its_prefix() {
    let cluster = Etcd::start(1);
    run(async {
        let store = store(&cluster);
        let first = write(&store, "/a/a", b"1").await.unwrap();
        let second = write(&store, "/a/b", &vec![b'x'; 1 << 20]).await.unwrap();
        // One that has been made already.
        changed(&mut store.watch("/a/", first).await.unwrap()).await.unwrap();
        let mut watch = store.watch("/a/", second).await.unwrap();
        let mut other = store.watch("/e", second).await.unwrap();
        write(&store, "/e", b"").await.unwrap();
        // The member has reported it to the watches of its prefix, and answers a call after that.
        changed(&mut other).await.unwrap();
        assert_eq!(text(&store, "/e").await.as_deref(), Some(""));
        assert!(changed(&mut watch).now_or_never().is_none(), "another prefix has changed");
        for value in [&b"2"[..], b"3"] {
            write(&store, "/a/a", value).await.unwrap();
            changed(&mut watch).await.unwrap();
        }
        store.transact(&all_of(vec![Op::Delete { key: "/a/a".into() }])).await.unwrap();
        changed(&mut watch).await.unwrap();
    });
}

#[test]
fn a_watch_from_a_compacted_revision_ends() {
    let cluster = Etcd::start(1);
    run(async {
        let store = store(&cluster);
        let first = write(&store, "/a/a", b"1").await.unwrap();
        write(&store, "/a/a", b"2").await.unwrap();
        let last = write(&store, "/a/a", b"3").await.unwrap();
        cluster.ctl(["compact", &last.to_string()]);
        let error = match store.watch("/a/", first - 1).await {
            Ok(mut watch) => changed(&mut watch).await.unwrap_err(),
            Err(error) => error,
        };
        assert!(error.to_string().contains("are compacted"), "{error}");
        assert_eq!(text(&store, "/a/a").await.as_deref(), Some("3"));
        store.watch("/a/", last).await.unwrap();
    });
}

#[test]
fn a_full_store_says_so() {
    let cluster = Etcd::start_with(1, None, &["--quota-backend-bytes=4194304"]);
    run(async {
        let store = store(&cluster);
        let mut result = Ok(0);
        for number in 0..16 {
            result = write(&store, &format!("/a/{number}"), &vec![b'x'; 1 << 20]).await;
            if result.is_err() {
                break;
            }
        }
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Full), "{error}");
        assert_eq!(store.get("/a/0").await.unwrap().value.unwrap().value.len(), 1 << 20);
        let health = &store.members().await[0].result;
        assert!(matches!(health, Err(StoreError::Full)), "{health:?}");
    });
}

#[test]
fn each_member_is_asked_for_its_state() {
    let mut cluster = Etcd::start(3);
    let leader = cluster.leader();
    run(async {
        let store = store(&cluster);
        write(&store, "/a/a", b"1").await.unwrap();
        let members = store.members().await;
        let endpoints: Vec<_> = members.iter().map(|it| it.endpoint.clone()).collect();
        assert_eq!(endpoints, cluster.endpoints());
        let states: Vec<_> = members.into_iter().map(|it| it.result.unwrap()).collect();
        assert!(states.iter().all(|it| it.version.starts_with("3.")));
        assert!(states.iter().all(|it| it.cluster == states[0].cluster));
        let leading: Vec<_> = states.iter().map(|it| it.is_leader).collect();
        assert_eq!(leading.iter().position(|it| *it), Some(leader), "{leading:?}");
        let down = (leader + 1) % 3;
        cluster.kill_member(down);
        let after = store.members().await;
        assert!(matches!(after[down].result, Err(StoreError::Unreachable(_))), "{after:?}");
        assert_eq!(after.iter().filter(|it| it.result.is_ok()).count(), 2, "{after:?}");
    });
}
