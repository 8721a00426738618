//! The cases with MPTCP between two forwarders: their peers are at the ends of TCP connections, and must see no
//! difference.

use std::collections::BTreeSet;

use testkit::LIMIT;
use testkit::cases;

use crate::support::{Setup, has_mptcp, on_each_setup};

on_each_setup!(; every_case_is_kept_over_mptcp);

fn every_case_is_kept_over_mptcp(setup: Setup) {
    if !has_mptcp() {
        return;
    }
    for case in cases::all() {
        let stage = case.set_up(LIMIT);
        let settings = "mptcp = true\nconnect_timeout = '2s'";
        let second = setup.forward(stage.target(), settings);
        let first = setup.forward(&second, settings);
        let seen = stage.play(&first);
        assert!(case.is_kept_by(&seen), "{seen:#?}, owed is {case:#?}");
        let ends = [&first, &second].map(|forward| forward.record().close_reason());
        let cause = |end: &str| end.split('/').next_back().map(str::to_owned);
        let of_relay = ends.iter().filter(|end| end.contains("/relay/")).map(|end| cause(end));
        let causes: BTreeSet<_> = of_relay.collect();
        assert!(causes.len() <= 1, "{}: {ends:?}", case.name);
    }
}
