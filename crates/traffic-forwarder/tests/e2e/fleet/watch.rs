//! `rollout --watch`, through an outage of the store.

use testkit::{Etcd, LIMIT, Signal, wait_until};

use super::machines::command;

#[test]
fn a_watch_goes_on_while_the_store_is_away() {
    let cluster = Etcd::start(1);
    let url = cluster.url("/path");
    let watches =
        [&["rollout", "--watch", "0.2"][..], &["rollout", "status", "--watch", "0.2", "--json"]];
    let watches = watches.map(|arguments| command(&url, arguments));
    let shown = ["nothing has been published yet", "\"instances\":[]"];
    let failed = ["error: no endpoint of the store answers", "\"code\":\"store\""];
    let count = |number: usize, part: &str| {
        watches[number].stdout().iter().filter(|line| line.contains(part)).count()
    };
    for (number, part) in shown.into_iter().enumerate() {
        wait_until("two pages", LIMIT, || count(number, part) >= 2);
    }
    cluster.freeze_member(0);
    for (number, part) in failed.into_iter().enumerate() {
        wait_until("the error", LIMIT * 3, || count(number, part) >= 1);
    }
    cluster.thaw_member(0);
    for (number, part) in shown.into_iter().enumerate() {
        let before = count(number, part);
        wait_until("the store to be back", LIMIT * 3, || count(number, part) > before);
    }
    for watch in &watches {
        watch.signal(Signal::INT);
        assert_eq!(watch.wait_exit(LIMIT).code(), Some(0), "{:?}", watch.stderr());
        assert_eq!(watch.stderr(), [""; 0]);
    }
    // A store that has never answered ends it.
    cluster.freeze_member(0);
    let never = command(&url, &["rollout", "--watch", "0.2"]);
    assert_eq!(never.wait_exit(LIMIT * 3).code(), Some(1), "{:?}", never.stdout());
}
