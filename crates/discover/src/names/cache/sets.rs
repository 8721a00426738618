//! Names whose records are targets.

use super::tests::{SECOND, TTL, Trial};
use super::*;
use crate::names::entry::ServiceAnswer;
use crate::sets::Record;

impl Trial {
    /// A trial whose name has a set, and was resolved just now.
    fn with_set(addresses: &[&str], ttl: Duration) -> Self {
        let mut trial = Self::new();
        trial.watch();
        trial.pass(Duration::ZERO);
        trial.answer(Ok(addresses), ttl);
        trial
    }

    fn watch(&mut self) {
        self.cache.watch(&BTreeSet::from([Arc::clone(&self.name)]), self.now);
    }

    fn members(&self) -> Vec<String> {
        let members = self.cache.members(&self.name).into_iter();
        members.map(|(address, _)| address.ip().to_string()).collect()
    }

    /// Whether the set has changed since the last call.
    fn has_changed(&mut self) -> bool {
        !self.cache.take_changed().is_empty()
    }

    /// Passes time until a look-up begins. Returns the time.
    fn time_to_look_up(&mut self) -> Duration {
        let start = self.now;
        while !self.has_begun() {
            self.now = self.cache.next_due().expect("a set is always due");
            self.cache.tick(self.now);
        }
        self.now - start
    }
}

#[test]
fn a_set_is_kept_up_to_date_without_use() {
    let mut trial = Trial::with_set(&["10.0.0.1:0", "10.0.0.2:0"], TTL);
    assert_eq!(
        (trial.members(), trial.has_changed()),
        (vec!["10.0.0.1".into(), "10.0.0.2".into()], true)
    );
    for _ in 0..100 {
        let time = trial.time_to_look_up();
        assert!(time > TTL / 2 && time < TTL, "ahead of the expiry: {time:?}");
        trial.answer(Ok(&["10.0.0.2:0", "10.0.0.1:0"]), TTL);
        assert!(!trial.has_changed(), "only the order differs");
    }
    trial.time_to_look_up();
    trial.answer(Ok(&["10.0.0.1:0", "10.0.0.3:0"]), Duration::ZERO);
    assert_eq!((trial.members().len(), trial.has_changed()), (3, true));
    assert_eq!(trial.time_to_look_up(), SECOND, "the shortest TTL");
    trial.answer(Ok(&["10.0.0.1:0"]), Duration::from_secs(86400));
    let time = trial.time_to_look_up();
    assert!(time > 1800 * SECOND && time <= 3600 * SECOND, "the longest TTL: {time:?}");
}

#[test]
fn failures_change_nothing_and_are_reported_once() {
    let mut trial = Trial::with_set(&["10.0.0.1:0", "10.0.0.2:0"], SECOND);
    trial.has_changed();
    let errors = [LookUpError::NotFound, LookUpError::NoAddress, LookUpError::Timeout];
    let mut pauses = Vec::new();
    for error in errors.iter().cycle().take(9) {
        pauses.push(trial.time_to_look_up().as_secs());
        trial.answer(Err(error.clone()), TTL);
        assert_eq!((trial.members().len(), trial.has_changed()), (2, false));
    }
    assert_eq!(pauses[1..], [1, 2, 4, 8, 16, 30, 30, 30]);
    let failing = trial.cache.failing(trial.now);
    assert_eq!((failing.len(), failing[0].serving), (1, 2));
    let name = Arc::clone(&trial.name);
    let first = Notice::Failing { name, error: LookUpError::NotFound, serving: 2 };
    assert_eq!(trial.cache.take_notices(), [first]);
    trial.time_to_look_up();
    trial.answer(Ok(&["10.0.0.1:0", "10.0.0.2:0"]), TTL);
    assert!(matches!(trial.cache.take_notices()[..], [Notice::Over { failures: 9, .. }]));
    assert!(!trial.has_changed());
}

#[test]
fn a_set_without_an_answer_is_looked_up_until_there_is_one() {
    let mut trial = Trial::new();
    trial.watch();
    for _ in 0..20 {
        assert!(trial.time_to_look_up() <= 30 * SECOND);
        trial.answer(Err(LookUpError::Timeout), TTL);
    }
    trial.time_to_look_up();
    trial.answer(Ok(&["10.0.0.1:0"]), TTL);
    assert_eq!(trial.members(), ["10.0.0.1"]);
}

#[test]
fn a_set_and_sessions_share_a_look_up() {
    let mut trial = Trial::new();
    assert_eq!(trial.ask(), None);
    trial.watch();
    trial.pass(Duration::ZERO);
    assert_eq!(trial.answer(Ok(&["10.0.0.1:0"]), TTL), 1);
    assert_eq!((trial.members(), trial.has_changed()), (vec!["10.0.0.1".into()], true));
    assert!(!trial.has_begun());
}

#[test]
fn a_set_begins_with_the_last_answer_of_its_name() {
    let mut trial = Trial::resolved(TTL);
    trial.watch();
    assert_eq!((trial.members(), trial.has_changed()), (vec!["10.0.0.1".into()], true));
    assert!(trial.time_to_look_up() > TTL / 2);
}

#[test]
fn a_name_without_a_set_is_forgotten_after_its_ttl() {
    let mut trial = Trial::with_set(&["10.0.0.1:0"], TTL);
    trial.cache.watch(&BTreeSet::new(), trial.now);
    assert!(trial.members().is_empty());
    trial.pass(99 * SECOND);
    assert_eq!((trial.cache.names.len(), trial.has_begun()), (1, false));
    trial.pass(2 * SECOND);
    assert_eq!(trial.cache.names.len(), 0);
}

#[test]
fn a_failed_connect_has_the_name_looked_up_at_most_once_a_second() {
    let mut trial = Trial::with_set(&["10.0.0.1:0"], TTL);
    let name = Arc::clone(&trial.name);
    let mut look_ups = 0;
    for _ in 0..100 {
        trial.cache.connect_failed(&name);
        trial.pass(SECOND / 10);
        if trial.has_begun() {
            look_ups += 1;
            trial.answer(Ok(&["10.0.0.1:0"]), TTL);
        }
    }
    assert!((9..=10).contains(&look_ups), "{look_ups}");
    trial.pass(SECOND);
    trial.cache.take_look_ups();
    let mut without_set = Trial::resolved(TTL);
    without_set.cache.connect_failed(&name);
    without_set.pass(2 * SECOND);
    assert!(!without_set.has_begun(), "the answer of a host is used for its TTL");
}

#[test]
fn members_survive_an_upgrade_during_an_outage() {
    let mut before = Trial::with_set(&["10.0.0.1:0", "10.0.0.2:0"], TTL);
    before.pass(TTL * 2);
    before.answer(Err(LookUpError::Timeout), TTL);
    let mut after = Trial::new();
    for saved in before.cache.saved(before.now) {
        after.cache.restore(saved, after.now);
    }
    assert_eq!(after.members(), before.members());
    after.watch();
    for _ in 0..50 {
        after.time_to_look_up();
        after.answer(Err(LookUpError::Timeout), TTL);
    }
    assert_eq!((after.members().len(), after.has_changed()), (2, false));
}

#[test]
fn a_failing_host_of_a_service_is_reported_and_its_records_count() {
    let mut trial = Trial::new();
    trial.watch();
    trial.pass(Duration::ZERO);
    trial.cache.take_look_ups();
    let address: SocketAddr = "10.0.0.1:80".parse().unwrap();
    let failure = LookUpError::Failed("db.test: it failed".into());
    let service = ServiceAnswer {
        records: vec![Record { address, priority: 5, weight: 6 }],
        hosts: Arc::default(),
        failure: Some(failure.clone()),
        is_complete: false,
    };
    let answer =
        Answer { addresses: vec![address], ttl: TTL, missing: None, service: Some(service) };
    let name = Arc::clone(&trial.name);
    trial.cache.answered(&name, Ok(answer), trial.now);
    assert_eq!(trial.cache.members(&name), [(address, Share { level: 0, weight: 6 })]);
    let notice = Notice::Failing { name, error: failure, serving: 1 };
    assert_eq!(trial.cache.take_notices(), [notice]);
    assert_eq!(trial.time_to_look_up(), SECOND, "looked up again soon");
}

#[test]
fn addresses_that_cannot_be_targets_are_no_members() {
    let addresses = ["[fe80::1]:0", "0.0.0.0:0", "[::]:0", "224.0.0.1:0", "[ff02::1]:0"];
    let mut trial = Trial::with_set(&["10.0.0.1:0", "[fe80::1%3]:0", "[fe80::1]:0"], SECOND);
    assert_eq!(trial.members().len(), 2);
    trial.has_changed();
    trial.time_to_look_up();
    trial.answer(Ok(&addresses), SECOND);
    assert_eq!((trial.members().len(), trial.has_changed()), (2, false));
    assert_eq!(trial.cache.failing(trial.now).len(), 1, "an answer without addresses");
}

#[test]
fn members_beyond_the_limit_are_reported_once() {
    let mut trial = Trial::new();
    trial.watch();
    trial.pass(Duration::ZERO);
    let many: Vec<String> =
        (0..1030).map(|it| format!("10.0.{}.{}:0", it / 256, it % 256)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for _ in 0..3 {
        trial.answer(Ok(&many), TTL);
        trial.time_to_look_up();
    }
    assert_eq!(trial.members().len(), 1024);
    let name = Arc::clone(&trial.name);
    assert_eq!(trial.cache.take_notices(), [Notice::LeftOut { name, addresses: 6 }]);
}
