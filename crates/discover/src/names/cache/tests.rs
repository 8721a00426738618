use super::*;
use crate::names::message::Family;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const TTL: Duration = Duration::from_secs(100);

/// A cache with one name, and a clock.
pub(super) struct Trial {
    pub(super) cache: Cache<u32>,
    pub(super) name: Arc<str>,
    pub(super) now: Instant,
}

impl Trial {
    pub(super) fn new() -> Self {
        let mut trial =
            Self { cache: Cache::default(), name: "db.test".into(), now: Instant::now() };
        trial.cache.set_targets(BTreeSet::from([Arc::clone(&trial.name)]));
        trial
    }

    /// A trial whose name was resolved just now.
    pub(super) fn resolved(ttl: Duration) -> Self {
        let mut trial = Self::new();
        assert_eq!(trial.ask(), None);
        assert_eq!(trial.answer(Ok(&["10.0.0.1:0"]), ttl), 1);
        trial
    }

    /// The result of a query; `None` if it waits.
    pub(super) fn ask(&mut self) -> Option<Result<Vec<String>, LookUpError>> {
        match self.cache.ask(&self.name, 80, 0, self.now) {
            Asked::Addresses(_, addresses) => Some(Ok(texts(&addresses))),
            Asked::Failed(_, error) => Some(Err(error)),
            Asked::Waiting => None,
        }
    }

    fn serves(&mut self, address: &str) -> bool {
        self.ask() == Some(Ok(vec![address.to_owned()]))
    }

    /// Answers the look-up that has begun; returns how many queries it served.
    pub(super) fn answer(&mut self, result: Result<&[&str], LookUpError>, ttl: Duration) -> usize {
        assert_eq!(self.cache.take_look_ups().len(), 1, "one look-up has begun");
        let result = result.map(|addresses| {
            let addresses = addresses.iter().map(|it| it.parse().unwrap()).collect();
            Answer { addresses, ttl, missing: None, service: None }
        });
        self.cache.answered(&self.name, result, self.now).len()
    }

    /// Advances the clock in small steps; returns the queries that were served.
    pub(super) fn pass(&mut self, span: Duration) -> usize {
        let end = self.now + span;
        let mut served = 0;
        while let Some(at) = self.cache.next_due().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            served += self.cache.tick(self.now).len();
        }
        self.now = end;
        served
    }

    pub(super) fn has_begun(&self) -> bool {
        self.cache.has_look_ups()
    }
}

fn texts(addresses: &[SocketAddr]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

#[test]
fn a_name_is_looked_up_once_for_all_ports_and_queries() {
    let mut trial = Trial::new();
    let (name, now) = (Arc::clone(&trial.name), trial.now);
    for (query, port) in [(1, 80), (2, 80), (3, 443)] {
        assert_eq!(trial.cache.ask(&name, port, query, now), Asked::Waiting);
    }
    assert_eq!(trial.cache.take_look_ups(), [Arc::clone(&name)]);
    let answer = Answer {
        addresses: vec!["10.0.0.1:0".parse().unwrap()],
        ttl: TTL,
        missing: None,
        service: None,
    };
    let served = trial.cache.answered(&name, Ok(answer), now);
    let served: Vec<_> =
        served.into_iter().map(|(it, result)| (it, texts(&result.unwrap()))).collect();
    let expected = [(1, "10.0.0.1:80"), (2, "10.0.0.1:80"), (3, "10.0.0.1:443")];
    assert_eq!(served, expected.map(|(it, address)| (it, vec![address.to_owned()])));
    assert!(!trial.has_begun());
}

#[test]
fn a_used_name_is_renewed_before_its_answer_expires() {
    let mut trial = Trial::resolved(TTL);
    trial.pass(50 * SECOND);
    assert!(trial.serves("10.0.0.1:80"));
    trial.pass(24 * SECOND);
    assert!(!trial.has_begun(), "too early");
    trial.pass(20 * SECOND);
    assert!(trial.has_begun());
    assert!(trial.serves("10.0.0.1:80"), "meanwhile the old answer serves");
    assert_eq!(trial.answer(Ok(&["10.0.0.2:0"]), TTL), 0);
    assert!(trial.serves("10.0.0.2:80"));
}

#[test]
fn an_unused_name_is_not_looked_up_again_and_forgotten_after_a_day() {
    let mut trial = Trial::resolved(TTL);
    trial.pass(23 * 3600 * SECOND);
    assert!(!trial.has_begun());
    assert_eq!(trial.cache.names.len(), 1);
    trial.pass(2 * 3600 * SECOND);
    assert_eq!((trial.cache.names.len(), trial.cache.next_due()), (0, None));
}

#[test]
fn an_expired_answer_serves_only_if_a_fresh_one_does_not_come_in_a_second() {
    let mut trial = Trial::resolved(TTL);
    trial.pass(200 * SECOND);
    assert_eq!(trial.ask(), None);
    assert_eq!(trial.answer(Ok(&["10.0.0.2:0"]), TTL), 1);
    trial.pass(200 * SECOND);
    assert_eq!(trial.ask(), None);
    assert_eq!(trial.pass(SECOND / 2), 0);
    assert_eq!(trial.pass(SECOND / 2), 1, "after a second");
    assert!(trial.serves("10.0.0.2:80"), "others do not wait again");
    assert_eq!(trial.answer(Err(LookUpError::Timeout), TTL), 0);
}

#[test]
fn no_failure_changes_what_worked_before() {
    for error in [
        LookUpError::Timeout,
        LookUpError::NotFound,
        LookUpError::NoAddress,
        LookUpError::Failed("SERVFAIL".to_owned()),
    ] {
        let mut trial = Trial::resolved(TTL);
        trial.pass(2 * TTL);
        assert_eq!(trial.ask(), None);
        assert_eq!(trial.answer(Err(error.clone()), TTL), 1);
        let name = Arc::clone(&trial.name);
        let failing = Notice::Failing { name: Arc::clone(&name), error: error.clone(), serving: 1 };
        assert_eq!(trial.cache.take_notices(), [failing]);
        let mut look_ups = 0;
        for _ in 0..1000 {
            trial.pass(SECOND);
            assert!(trial.serves("10.0.0.1:80"));
            if trial.has_begun() {
                look_ups += 1;
                assert_eq!(trial.answer(Err(error.clone()), TTL), 0);
            }
        }
        assert!((30..40).contains(&look_ups), "pauses double up to 30 s: {look_ups}");
        assert_eq!(trial.cache.take_notices(), [], "said once");
        let failing = trial.cache.failing(trial.now);
        assert_eq!((failing.len(), failing[0].serving, &failing[0].error), (1, 1, &error));
        assert_eq!(trial.cache.resolved(), 0);
        while !trial.has_begun() {
            trial.pass(SECOND);
            assert!(trial.serves("10.0.0.1:80"));
        }
        trial.answer(Ok(&["10.0.0.3:0"]), TTL);
        let notices = trial.cache.take_notices();
        assert!(matches!(&notices[..], [Notice::Over { .. }]), "{notices:?}");
        assert!(trial.serves("10.0.0.3:80"));
        assert_eq!((trial.cache.failing(trial.now), trial.cache.resolved()), (vec![], 1));
    }
}

#[test]
fn a_name_that_was_never_resolved_fails_and_is_asked_once_a_second() {
    let mut trial = Trial::new();
    assert_eq!(trial.ask(), None);
    assert_eq!(trial.answer(Err(LookUpError::NotFound), TTL), 1);
    assert_eq!(trial.ask(), Some(Err(LookUpError::NotFound)));
    assert!(!trial.has_begun());
    trial.pass(SECOND);
    assert_eq!(trial.ask(), None);
    assert_eq!(trial.answer(Ok(&["10.0.0.1:0"]), TTL), 1);
    assert!(trial.serves("10.0.0.1:80"));
}

#[test]
fn the_next_image_has_the_last_good_answers() {
    let mut old = Trial::resolved(TTL);
    old.pass(TTL / 2);
    let saved = old.cache.saved(old.now);
    assert_eq!((saved.len(), saved[0].left), (1, TTL / 2));
    let mut new = Trial::new();
    new.cache.restore(saved[0].clone(), new.now);
    assert!(new.serves("10.0.0.1:80"));
    new.pass(TTL);
    assert_eq!(new.answer(Err(LookUpError::Timeout), TTL), 0);
    assert!(new.serves("10.0.0.1:80"), "in an outage, too");
}

#[test]
fn a_family_that_could_not_be_asked_keeps_its_addresses() {
    let mut trial = Trial::new();
    assert_eq!(trial.ask(), None);
    assert_eq!(trial.answer(Ok(&["[2001:db8::1]:0", "10.0.0.1:0"]), TTL), 1);
    trial.pass(2 * TTL);
    assert_eq!(trial.ask(), None);
    trial.cache.take_look_ups();
    let addresses = vec!["10.0.0.2:0".parse().unwrap()];
    let answer = Answer { addresses, ttl: TTL, missing: Some(Family::V6), service: None };
    trial.cache.answered(&trial.name, Ok(answer), trial.now);
    let expected = vec!["10.0.0.2:80".to_owned(), "[2001:db8::1]:80".to_owned()];
    assert_eq!(trial.ask(), Some(Ok(expected)));
}

#[test]
fn a_ttl_counts_from_a_second_to_an_hour() {
    let mut trial = Trial::resolved(Duration::ZERO);
    trial.pass(SECOND * 9 / 10);
    assert!(trial.serves("10.0.0.1:80"));
    trial.pass(SECOND);
    assert!(trial.has_begun());
    let mut trial = Trial::resolved(1_000_000 * SECOND);
    trial.pass(3601 * SECOND);
    assert_eq!(trial.ask(), None);
    assert!(trial.has_begun());
}

/// Without a client: an hour of failures, with pauses of 30 s at most.
#[test]
fn a_name_that_fails_is_looked_up_until_it_is_resolved() {
    for has_good in [false, true] {
        let mut trial = if has_good { Trial::resolved(SECOND) } else { Trial::new() };
        if has_good {
            trial.pass(2 * SECOND);
        }
        assert_eq!(trial.ask(), None);
        trial.answer(Err(LookUpError::NotFound), TTL);
        trial.cache.take_notices();
        for _ in 0..120 {
            trial.pass(30 * SECOND);
            trial.answer(Err(LookUpError::NotFound), TTL);
            assert_eq!(trial.cache.failing(trial.now).len(), 1, "{:?}", trial.now);
        }
        assert_eq!(trial.cache.take_notices(), []);
        trial.pass(30 * SECOND);
        trial.answer(Ok(&["10.0.0.1:0"]), TTL);
        let notices = trial.cache.take_notices();
        assert!(matches!(&notices[..], [Notice::Over { failures: 121, .. }]), "{notices:?}");
        trial.pass(2 * TTL);
        assert!(!trial.has_begun(), "it is not used");
    }
}

#[test]
fn a_failing_name_that_leaves_the_configuration_is_not_reported_any_more() {
    let mut trial = Trial::new();
    assert_eq!(trial.ask(), None);
    trial.answer(Err(LookUpError::NotFound), TTL);
    trial.cache.take_notices();
    trial.cache.set_targets(BTreeSet::new());
    trial.cache.end_removed();
    assert_eq!(trial.cache.take_notices(), [Notice::Removed { name: Arc::clone(&trial.name) }]);
    assert_eq!(trial.cache.failing(trial.now), []);
    assert_eq!(trial.cache.resolved(), 0, "it has no answer");
    // A session that began before asks again.
    trial.pass(2 * SECOND);
    assert_eq!(trial.ask(), None);
    trial.answer(Err(LookUpError::NotFound), TTL);
    assert_eq!((trial.cache.take_notices(), trial.cache.failing(trial.now)), (vec![], vec![]));
    trial.pass(70 * SECOND);
    assert_eq!(trial.cache.names.len(), 0);
}

/// Its look-up is not put off by the pause of a failure that ends.
#[test]
fn an_unreported_failure_that_ends_moves_the_next_look_up() {
    let mut trial = Trial::resolved(SECOND);
    trial.cache.set_targets(BTreeSet::new());
    trial.pass(2 * SECOND);
    for _ in 0..4 {
        trial.ask();
        while !trial.has_begun() {
            trial.pass(SECOND);
        }
        trial.answer(Err(LookUpError::Timeout), TTL);
    }
    assert!(trial.serves("10.0.0.1:80"));
    trial.cache.end_removed();
    assert_eq!(trial.cache.take_notices(), []);
    trial.pass(SECOND);
    assert!(trial.has_begun(), "not after 8 s");
}

#[test]
fn a_failing_name_outlives_an_upgrade() {
    let mut old = Trial::new();
    assert_eq!(old.ask(), None);
    old.answer(Err(LookUpError::Failed("no route".to_owned())), TTL);
    old.pass(SECOND / 2);
    let saved = old.cache.saved(old.now);
    let mut new = Trial::new();
    new.cache.restore(saved[0].clone(), new.now);
    new.cache.set_targets(BTreeSet::from([Arc::clone(&new.name)]));
    let failing = new.cache.failing(new.now);
    let error = LookUpError::Failed("no route".to_owned());
    assert_eq!((&failing[0].error, failing[0].since), (&error, SECOND / 2));
    new.pass(Duration::ZERO);
    new.answer(Err(LookUpError::NotFound), TTL);
    assert_eq!(new.cache.take_notices(), [], "the log has it");
    new.pass(4 * SECOND);
    new.answer(Ok(&["10.0.0.1:0"]), TTL);
    assert!(matches!(&new.cache.take_notices()[..], [Notice::Over { failures: 2, .. }]));
}
