use super::*;

fn key(topic: Topic, forward: &str, detail: &str) -> Key {
    Key { topic, forward: forward.into(), detail: detail.into() }
}

fn at(seconds: f64) -> Time {
    Time::from_micros(1).after(Duration::from_secs_f64(seconds))
}

/// Episodes whose events are texts.
struct Trial(Episodes<String>);

impl Trial {
    fn new() -> Self {
        Self(Episodes::new())
    }

    /// The line about this many failed connects of a target, if there is one now.
    fn fails(&mut self, seconds: f64, target: &str, count: u64) -> Option<Line<String>> {
        let key = key(Topic::Unreached, "f", target);
        self.0.occurred(key, target.to_owned(), count, [at(seconds); 2])
    }

    fn works(&mut self, seconds: f64, target: &str) {
        self.ends(seconds, target, End::Works);
    }

    fn ends(&mut self, seconds: f64, target: &str, end: End) {
        self.0.ended(&"f".into(), &target.into(), end, at(seconds));
    }

    /// The line about a probe that could not connect.
    fn is_silent(&mut self, seconds: f64, target: &str) -> Option<Line<String>> {
        let key = key(Topic::Unanswered, "f", target);
        self.0.occurred(key, target.to_owned(), 1, [at(seconds); 2])
    }
}

fn occurred(event: &str, count: u64, others: usize) -> Line<String> {
    Line::Occurred { event: event.to_owned(), count, others }
}

fn over(target: &str, total: u64, seconds: u64, others: usize) -> Line<String> {
    ended(Topic::Unreached, target, End::Works, [total, seconds], others)
}

fn ended(
    topic: Topic,
    detail: &str,
    end: End,
    [total, seconds]: [u64; 2],
    others: usize,
) -> Line<String> {
    let (key, lasted) = (key(topic, "f", detail), Duration::from_secs(seconds));
    Line::Over { key, end, total, lasted, others }
}

#[test]
fn an_episode_begins_goes_on_and_ends() {
    let mut trial = Trial::new();
    assert_eq!(trial.fails(0.0, "a", 1), Some(occurred("a", 1, 0)));
    assert_eq!(trial.fails(1.0, "a", 3), None);
    assert_eq!(trial.0.due_at(), Some(at(5.0)));
    assert_eq!(trial.0.visit(at(4.9)), []);
    assert_eq!(trial.0.visit(at(5.0)), [occurred("a", 3, 0)], "also if nothing occurs any more");
    assert_eq!(trial.fails(11.0, "a", 2), Some(occurred("a", 2, 0)));
    trial.works(12.0, "a");
    assert_eq!(trial.0.visit(at(18.9)), []);
    assert_eq!(trial.0.visit(at(19.0)), [over("a", 6, 12, 0)]);
    assert_eq!(trial.0.due_at(), None);
    assert_eq!(trial.fails(20.0, "a", 1), Some(occurred("a", 1, 0)), "a new one");
}

#[test]
fn an_end_that_does_not_last_is_none() {
    let mut trial = Trial::new();
    trial.fails(0.0, "a", 1);
    for second in 1..20 {
        trial.works(f64::from(second), "a");
        let line = trial.fails(f64::from(second) + 0.5, "a", 1);
        assert!(!matches!(line, Some(Line::Over { .. })));
    }
    trial.works(20.0, "a");
    assert_eq!(trial.0.visit(at(27.0)), [occurred("a", 4, 0), over("a", 20, 20, 0)]);
}

#[test]
fn what_is_reported_after_the_end_but_occurred_before_it_opens_nothing() {
    let mut trial = Trial::new();
    trial.fails(0.0, "a", 1);
    trial.works(2.0, "a");
    let key = key(Topic::Unreached, "f", "a");
    let late = trial.0.occurred(key.clone(), "a".to_owned(), 3, [at(1.0), at(5.5)]);
    assert_eq!(late, Some(occurred("a", 3, 0)));
    assert_eq!(trial.0.visit(at(9.0)), [over("a", 4, 2, 0)]);
    trial.fails(20.0, "a", 1);
    trial.works(19.0, "a");
    assert_eq!(trial.0.visit(at(27.0)), [], "it failed after it had worked");
}

#[test]
fn targets_of_a_forward_share_lines() {
    let mut trial = Trial::new();
    assert_eq!(trial.fails(0.0, "a", 1), Some(occurred("a", 1, 0)));
    assert_eq!(trial.fails(1.0, "b", 2), None);
    assert_eq!(trial.fails(2.0, "c", 5), None);
    let other = key(Topic::Unreached, "g", "a");
    let line = trial.0.occurred(other, "g".to_owned(), 1, [at(2.0); 2]);
    assert_eq!(line, Some(occurred("g", 1, 0)), "another forward has its own lines");
    assert_eq!(trial.0.visit(at(5.0)), [occurred("c", 7, 1)]);
    for target in ["a", "b", "c"] {
        trial.works(6.0, target);
    }
    assert_eq!(trial.0.visit(at(13.0)), [over("a", 8, 6, 2)], "the total is that of all three");
}

#[test]
fn an_episode_without_an_end_is_over_when_it_has_been_quiet() {
    let mut episodes = Episodes::new();
    let limit = key(Topic::AtLimit, "f", "");
    let denied = key(Topic::NotAllowed, "f", "");
    let nowhere = key(Topic::Unreached, "f", "");
    for key in [limit, denied, nowhere] {
        assert!(episodes.occurred(key, String::new(), 1, [at(0.0); 2]).is_some());
    }
    assert_eq!(episodes.visit(at(59.0)), []);
    let quiet = |topic| ended(topic, "", End::Quiet, [1, 0], 0);
    assert_eq!(
        episodes.visit(at(60.0)),
        [quiet(Topic::Unreached), quiet(Topic::AtLimit)],
        "lists have no end"
    );
    assert_eq!(
        (episodes.due_at(), episodes.present.len(), episodes.last_lines.len()),
        (None, 0, 0)
    );
}

#[test]
fn each_target_that_a_probe_finds_silent_has_a_line() {
    let mut trial = Trial::new();
    assert_eq!(trial.is_silent(0.0, "a"), Some(occurred("a", 1, 0)));
    assert_eq!(trial.is_silent(0.0, "b"), Some(occurred("b", 1, 0)));
    trial.works(2.0, "a");
    trial.works(3.0, "b");
    let silence = ended(Topic::Unanswered, "a", End::Works, [2, 3], 1);
    assert_eq!(trial.0.visit(at(10.0)), [silence]);
}

#[test]
fn a_target_that_comes_back_at_once_keeps_its_warning() {
    let mut trial = Trial::new();
    trial.is_silent(0.0, "a");
    trial.ends(1.0, "a", End::Removed);
    assert_eq!(trial.is_silent(4.0, "a"), None, "one warning");
    assert_eq!(trial.0.visit(at(20.0)), [], "it goes on");
    trial.works(30.0, "a");
    let over = Line::Over {
        key: key(Topic::Unanswered, "f", "a"),
        end: End::Works,
        total: 1,
        lasted: Duration::from_secs(30),
        others: 0,
    };
    assert_eq!(trial.0.visit(at(40.0)), [over]);
}

/// The journal reads the report of the probe later than a client connects.
#[test]
fn a_client_ends_the_warning_of_a_probe_that_is_reported_late() {
    let mut trial = Trial::new();
    let late = |trial: &mut Trial, target: &str| {
        let key = key(Topic::Unanswered, "f", target);
        trial.0.occurred(key, target.to_owned(), 1, [at(1.0), at(5.5)])
    };
    assert_eq!(late(&mut trial, "a"), Some(occurred("a", 1, 0)));
    trial.works(1.2, "a");
    let lasted = |line: &Line<String>| matches!(line, Line::Over { lasted, .. } if lasted.as_millis() == 200);
    assert!(lasted(&trial.0.visit(at(13.0))[0]));
    late(&mut trial, "b");
    trial.works(0.9, "b");
    let over = ended(Topic::Unanswered, "b", End::Works, [1, 0], 0);
    assert_eq!(trial.0.visit(at(20.0)), [over], "the worker's clock is behind");
}

#[test]
fn sessions_that_fail_take_the_place_of_a_probe() {
    let mut trial = Trial::new();
    trial.is_silent(0.0, "a");
    assert_eq!(trial.fails(4.0, "a", 2), Some(occurred("a", 2, 0)));
    trial.works(6.0, "a");
    assert_eq!(trial.0.visit(at(13.0)), [over("a", 2, 2, 0)], "one end");
}

#[test]
fn a_target_that_was_removed_works_no_more() {
    let mut trial = Trial::new();
    trial.fails(0.0, "a", 1);
    trial.is_silent(0.0, "b");
    let names = |target: &str| ["f", target].map(Into::into);
    assert_eq!(trial.0.targets(), [names("b"), names("a")]);
    trial.ends(1.0, "a", End::Removed);
    trial.ends(1.0, "b", End::Removed);
    assert_eq!(trial.0.targets(), Vec::<[Arc<str>; 2]>::new());
    let removed = |topic, target: &str| ended(topic, target, End::Removed, [1, 1], 0);
    assert_eq!(
        trial.0.visit(at(8.0)),
        [removed(Topic::Unanswered, "b"), removed(Topic::Unreached, "a")]
    );
    // It is back before that is logged, and fails.
    trial.fails(20.0, "a", 1);
    trial.ends(21.0, "a", End::Removed);
    trial.fails(22.0, "a", 1);
    assert_eq!(trial.0.visit(at(40.0)), [occurred("a", 1, 0)]);
    assert_eq!(trial.0.targets(), [names("a")]);
}

#[test]
fn episodes_go_on_in_the_next_process_image() {
    let mut before = Trial::new();
    before.fails(0.0, "a", 2);
    before.fails(0.0, "b", 3);
    before.works(1.0, "b");
    assert_eq!(before.0.finish(at(2.0)), [occurred("b", 3, 0)]);
    let mut after = Trial::new();
    after.0.restore(before.0.saved());
    assert_eq!(after.0.due_at(), Some(at(8.0)));
    assert_eq!(after.0.visit(at(8.0)), [over("b", 3, 1, 0)]);
    assert_eq!(after.fails(9.0, "a", 4), Some(occurred("a", 4, 0)));
    after.works(10.0, "a");
    assert_eq!(after.0.visit(at(17.0)), [over("a", 6, 10, 0)], "with those of both images");
}

#[test]
fn a_target_that_is_never_tried_again_is_forgotten() {
    let mut trial = Trial::new();
    trial.fails(0.0, "a", 1);
    assert_eq!(trial.0.due_at(), Some(at(86_400.0)));
    assert_eq!(trial.0.visit(at(86_400.0)), []);
    assert!(trial.0.present.is_empty());
}

/// Numbers from a seed (xorshift).
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1), |before| {
        let mut next = *before;
        next ^= next << 13;
        next ^= next >> 7;
        Some(next ^ next << 17)
    })
    .skip(5)
}

#[test]
fn in_every_history_the_counts_add_up_and_lines_are_rare() {
    for seed in 0..2000 {
        let mut numbers = numbers(seed);
        let mut number = |below: u64| numbers.next().unwrap() % below;
        let mut trial = Trial::new();
        let (mut seconds, mut occurrences, mut lines) = (0.0, 0, Vec::new());
        for _ in 0..200 {
            seconds += f64::from(u32::try_from(number(3000)).unwrap()) / 1000.0;
            let target = ["a", "b", "c"][usize::try_from(number(3)).unwrap()];
            let new: Vec<_> = match number(4) {
                0 | 1 => {
                    let count = 1 + number(9);
                    occurrences += count;
                    trial.fails(seconds, target, count).into_iter().collect()
                }
                2 => {
                    trial.works(seconds, target);
                    Vec::new()
                }
                _ => trial.0.visit(at(seconds)),
            };
            lines.extend(new.into_iter().map(|line| (seconds, line)));
        }
        let rest = trial.0.finish(at(seconds));
        let last = lines.iter().filter_map(|(at, line)| match line {
            Line::Occurred { count, .. } => Some((*at, *count)),
            Line::Over { .. } => None,
        });
        let logged: Vec<_> = last.collect();
        assert!(
            logged.windows(2).all(|pair| pair[1].0 - pair[0].0 > 4.999),
            "seed {seed}: {logged:?}"
        );
        let rest = rest.iter().map(|line| match line {
            Line::Occurred { count, .. } => *count,
            Line::Over { .. } => 0,
        });
        let counted = logged.iter().map(|(_, count)| count).sum::<u64>() + rest.sum::<u64>();
        assert_eq!(counted, occurrences, "seed {seed}");
        let visited = trial.0.visit(at(seconds + 86_500.0));
        assert!(visited.iter().all(|line| matches!(line, Line::Over { .. })), "seed {seed}");
        assert!(trial.0.present.is_empty() && trial.0.last_lines.is_empty(), "seed {seed}");
    }
}
