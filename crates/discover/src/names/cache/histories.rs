//! Seeded histories of the cache: queries, results, reloads, upgrades and time in any order.

use super::*;
use crate::names::entry::{LEAST_TTL, MOST_TTL};

const HISTORIES: u64 = 5000;
const STEPS: usize = 300;
const NAMES: usize = 4;

/// A generator of random numbers (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn among(&mut self, values: &[u64]) -> u64 {
        values[usize::try_from(self.below(values.len() as u64)).unwrap()]
    }
}

/// Facts about one name.
#[derive(Default)]
struct Name {
    /// When the look-up began that runs.
    running: Option<Instant>,
    last_begun: Option<Instant>,
    /// Number, time and TTL of the last good answer.
    good: Option<(u8, Instant, Duration)>,
    /// The end of the last look-up was a failure.
    is_failing: bool,
    last_used: Option<Instant>,
}

struct History {
    random: Random,
    cache: Cache<u32>,
    now: Instant,
    names: Vec<(Arc<str>, Name)>,
    /// Queries that wait, with their name and time.
    waiting: HashMap<u32, (usize, Instant)>,
    queries: u32,
    answers: u8,
    /// The names of the configuration.
    configured: BTreeSet<Arc<str>>,
    /// The names that fail by the log.
    failing: BTreeSet<Arc<str>>,
}

impl History {
    fn new(seed: u64) -> Self {
        let name = |number| (Arc::from(format!("n{number}.test")), Name::default());
        let names: Vec<(Arc<str>, Name)> = (0..NAMES).map(name).collect();
        let configured: BTreeSet<_> = names.iter().map(|(name, _)| Arc::clone(name)).collect();
        let mut cache = Cache::default();
        cache.set_targets(configured.clone());
        Self {
            random: Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            cache,
            now: Instant::now(),
            names,
            waiting: HashMap::new(),
            queries: 0,
            answers: 0,
            configured,
            failing: BTreeSet::new(),
        }
    }

    fn play(&mut self) {
        for _ in 0..STEPS {
            match self.random.below(40) {
                0..15 => self.ask(),
                15..26 => self.finish(),
                26..38 => self.pass(),
                38 => self.reload(),
                _ => self.upgrade(),
            }
            self.begin();
            self.check_notices();
        }
        for _ in 0..NAMES {
            self.finish_all();
        }
        assert!(self.waiting.is_empty(), "every query has its result");
        self.check_notices();
    }

    /// Changes the names of the configuration. Sessions go on to ask for the others.
    fn reload(&mut self) {
        for at in 0..NAMES {
            let name = Arc::clone(&self.names[at].0);
            if self.random.below(2) == 0 {
                self.configured.insert(name);
            } else {
                self.configured.remove(&name);
            }
        }
        self.configure();
    }

    /// A new process image begins with what the previous one has saved. Look-ups and queries end.
    fn upgrade(&mut self) {
        let saved = self.cache.saved(self.now);
        self.cache = Cache::default();
        for name in saved {
            self.cache.restore(name, self.now);
        }
        self.waiting.clear();
        for (_, facts) in &mut self.names {
            (facts.running, facts.last_begun) = (None, None);
        }
        self.configure();
    }

    fn configure(&mut self) {
        self.cache.set_targets(self.configured.clone());
        self.cache.end_removed();
        let failing: BTreeSet<_> =
            self.cache.failing(self.now).into_iter().map(|it| it.name).collect();
        for (name, facts) in &mut self.names {
            if facts.is_failing && !failing.contains(name) {
                // Without its failure, the next query without a fresh answer has the name looked up at once.
                (facts.is_failing, facts.last_begun) = (false, None);
            }
        }
    }

    fn any_name(&mut self) -> usize {
        usize::try_from(self.random.below(NAMES as u64)).unwrap()
    }

    fn ask(&mut self) {
        let at = self.any_name();
        self.queries += 1;
        let name = Arc::clone(&self.names[at].0);
        self.names[at].1.last_used = Some(self.now);
        match self.cache.ask(&name, 80, self.queries, self.now) {
            Asked::Addresses(query, addresses) => {
                assert_eq!(query, self.queries);
                self.check_addresses(at, &addresses);
            }
            Asked::Failed(query, _) => {
                assert_eq!(query, self.queries);
                assert!(self.names[at].1.good.is_none(), "a good answer serves on");
            }
            Asked::Waiting => _ = self.waiting.insert(self.queries, (at, self.now)),
        }
    }

    /// Begins the look-ups that the cache wants.
    fn begin(&mut self) {
        for name in self.cache.take_look_ups() {
            let (_, facts) = self.names.iter_mut().find(|(known, _)| *known == name).unwrap();
            assert!(facts.running.is_none(), "one look-up at a time");
            let pause = facts.last_begun.map(|begun| self.now - begun);
            assert!(pause.is_none_or(|pause| pause >= LEAST_PAUSE), "{pause:?}");
            (facts.running, facts.last_begun) = (Some(self.now), Some(self.now));
        }
    }

    /// Ends a look-up of some name.
    fn finish(&mut self) {
        let at = self.any_name();
        self.finish_at(at);
    }

    fn finish_all(&mut self) {
        (0..NAMES).for_each(|at| self.finish_at(at));
        self.begin();
    }

    fn finish_at(&mut self, at: usize) {
        let now = self.now;
        let (name, facts) = &mut self.names[at];
        if facts.running.take().is_none() {
            return;
        }
        let name = Arc::clone(name);
        let ttl = Duration::from_secs(self.random.among(&[0, 1, 5, 60, 7200]));
        let result = match self.random.below(4) {
            0 => Err(LookUpError::Timeout),
            1 => Err(LookUpError::NotFound),
            _ => {
                self.answers = self.answers.wrapping_add(1);
                facts.good = Some((self.answers, now, ttl.clamp(LEAST_TTL, MOST_TTL)));
                let addresses = vec![([127, 0, 0, self.answers], 0).into()];
                Ok(Answer { addresses, ttl, missing: None, service: None })
            }
        };
        facts.is_failing = result.is_err();
        for served in self.cache.answered(&name, result, now) {
            self.serve(served);
        }
    }

    fn pass(&mut self) {
        let span = self.random.among(&[50, 500, 1000, 5000, 90_000]);
        let end = self.now + Duration::from_millis(1 + self.random.below(span));
        while let Some(at) = self.cache.next_due().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            for served in self.cache.tick(self.now) {
                self.serve(served);
            }
            self.begin();
            let due = self.cache.next_due();
            assert!(due.is_none_or(|due| due > self.now), "a tick does all that is due");
        }
        self.now = end;
    }

    fn serve(&mut self, (query, result): Served<u32>) {
        let (at, since) = self.waiting.remove(&query).expect("one result for each query");
        match result {
            Ok(addresses) => {
                self.check_addresses(at, &addresses);
                let had_good = self.names[at].1.good.is_some_and(|(_, time, _)| time < since);
                let waited = self.now - since;
                assert!(!had_good || waited <= STALE_AFTER, "{waited:?} with an answer at hand");
            }
            Err(_) => assert!(self.names[at].1.good.is_none(), "a good answer serves on"),
        }
    }

    /// Served addresses are those of the last good answer, which has not expired, unless the last look-up
    /// failed or one runs.
    fn check_addresses(&self, at: usize, addresses: &Addresses) {
        let facts = &self.names[at].1;
        let (number, time, ttl) = facts.good.expect("a good answer");
        assert_eq!(addresses[..], [([127, 0, 0, number], 80).into()]);
        let is_fresh = self.now - time < ttl;
        assert!(is_fresh || facts.is_failing || facts.running.is_some(), "expired");
    }

    /// The log has each failure of a configured name once, and its end once: the name is resolved, or has left the
    /// configuration.
    fn check_notices(&mut self) {
        for notice in self.cache.take_notices() {
            let is_due = match &notice {
                Notice::Failing { name, .. } => {
                    self.configured.contains(name) && self.failing.insert(Arc::clone(name))
                }
                Notice::Over { name, .. } => {
                    self.configured.contains(name) && self.failing.remove(name)
                }
                Notice::Removed { name } => {
                    !self.configured.contains(name) && self.failing.remove(name)
                }
                Notice::LeftOut { .. } => false,
            };
            assert!(is_due, "{notice:?}");
        }
        let failing = self.cache.failing(self.now);
        let has = |name: &Arc<str>| failing.iter().any(|it| it.name == *name);
        assert!(self.failing.iter().all(has), "{:?} of {failing:?}", self.failing);
    }
}

#[test]
fn every_history_keeps_the_rules() {
    for seed in 1..=HISTORIES {
        let result = std::panic::catch_unwind(|| History::new(seed).play());
        assert!(result.is_ok(), "seed {seed}");
    }
}
