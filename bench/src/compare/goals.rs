//! What we want to reach, and whether a run shows that we do.

use super::measures::Column;
use super::results::{DIRECT, Measured, OURS, Results};
use crate::stats::figure;

/// One goal: a figure of ours, by itself or in relation to another's in the same run.
struct Goal {
    /// The keys of the measures it holds for.
    measures: &'static [&'static str],
    /// The key of the figure.
    column: &'static str,
    bound: Bound,
    limit: f64,
    beside: Beside,
}

/// Which side of the limit is the good one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    AtLeast,
    AtMost,
}

/// What the limit is a multiple of.
#[derive(Clone, Copy)]
enum Beside {
    /// Nothing: it is in the column's unit.
    Nothing,
    /// The median of the subject with this key.
    Subject(&'static str),
    /// The median of the peer that does best.
    BestPeer,
}

use Beside::{BestPeer, Nothing, Subject};
use Bound::{AtLeast, AtMost};

const RR_64: &[&str] = &["rr-64-x1", "rr-64-x64", "rr-64-x1000"];
const BULK: &[&str] = &["bulk-x1", "bulk-x16"];
const LATENCY: &[&str] = &["probe", "beside-x16"];

const fn goal(
    measures: &'static [&'static str],
    column: &'static str,
    bound: Bound,
    limit: f64,
    beside: Beside,
) -> Goal {
    Goal { measures, column, bound, limit, beside }
}

/// The goals, for medians with everything on one CPU.
const GOALS: &[Goal] = &[
    goal(RR_64, "rate", AtLeast, 1.0, Subject("nginx")),
    goal(RR_64, "rate", AtLeast, 1.12, Subject("haproxy")),
    goal(RR_64, "rate", AtLeast, 1.25, Subject("realm")),
    goal(RR_64, "rate", AtLeast, 1.25, Subject("go-copy")),
    goal(RR_64, "rate", AtLeast, 0.5, Subject(DIRECT)),
    goal(&["rr-4096-x64", "rr-32768-x64"], "rate", AtLeast, 1.05, BestPeer),
    goal(&["rr-32768-x64"], "rate", AtLeast, 1.7, Subject("nginx")),
    goal(&["crr"], "rate", AtLeast, 1.03, Subject("haproxy")),
    goal(&["crr"], "rate", AtLeast, 1.08, Subject("nginx")),
    goal(BULK, "rate", AtLeast, 1.0, Subject("haproxy-splice")),
    goal(BULK, "cpu_s_gib", AtMost, 1.0, Subject("haproxy-splice")),
    goal(BULK, "cpu_s_gib", AtMost, 0.35, Subject("nginx")),
    goal(LATENCY, "p50_us", AtMost, 1.0, BestPeer),
    goal(LATENCY, "p99_us", AtMost, 1.0, BestPeer),
    goal(&["beside-x1"], "added_us", AtMost, 1000.0, Nothing),
    goal(&["balance"], "most", AtMost, 5.0, Nothing),
    goal(&["idle"], "bytes", AtMost, 300.0, Nothing),
    goal(&["idle"], "descriptors", AtMost, 2.0, Nothing),
    goal(&["crowd"], "kept", AtLeast, 95.0, Nothing),
    goal(&["forwards"], "start_ms", AtMost, 500.0, Nothing),
    goal(&["forwards"], "rss_mib", AtMost, 24.0, Nothing),
];

/// A goal with the measured value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The measure and the figure.
    pub(super) what: String,
    pub(super) goal: String,
    pub(super) measured: String,
    /// `None` if a figure is missing.
    pub(super) met: Option<bool>,
}

/// The goals of all measures that were taken, in the order of the measures.
pub(super) fn judge(results: &Results) -> Vec<Verdict> {
    let Some(ours) = results.ours() else { return Vec::new() };
    let of_measure =
        |measured| goals_of(measured).map(move |(goal, column)| (measured, goal, column));
    let goals = results.measured.iter().flat_map(of_measure);
    goals.map(|(measured, goal, column)| goal.judge(results, measured, column, ours)).collect()
}

/// The goals of a measure, with the columns that they are about.
fn goals_of(measured: &Measured) -> impl Iterator<Item = (&'static Goal, &Column)> {
    let key = measured.measure.key.as_str();
    let goals = GOALS.iter().filter(move |goal| goal.measures.contains(&key));
    goals.filter_map(|goal| {
        let column = measured.measure.columns.iter().find(|it| it.key == goal.column)?;
        Some((goal, column))
    })
}

impl Goal {
    fn judge(&self, all: &Results, measured: &Measured, column: &Column, ours: usize) -> Verdict {
        let sign = if self.bound == AtLeast { "≥" } else { "≤" };
        let name = |index: usize| all.entrants[index].name.as_str();
        let median = |index: usize| Some(measured.runs[index].spread(column)?.median);
        let place = |key: &str| all.entrants.iter().position(|entrant| entrant.key == key);
        let (goal, other) = match self.beside {
            Nothing => (format!("{sign} {}", figure(self.limit)), None),
            Subject(key) => {
                let other = place(key);
                (format!("{sign} {:.2} x {}", self.limit, other.map_or(key, name)), other)
            }
            BestPeer => {
                let other = self.best_peer(all, median);
                let name = other.map_or(String::new(), |it| format!(" ({})", name(it)));
                (format!("{sign} {:.2} x the best peer{name}", self.limit), other)
            }
        };
        let value = match self.beside {
            Nothing => median(ours),
            _ => other.and_then(|other| Some(median(ours)? / median(other)?)),
        };
        let value = value.filter(|value| value.is_finite());
        let shown = value.map(|value| match self.beside {
            Nothing => figure(value),
            _ => format!("{value:.2} x"),
        });
        Verdict {
            what: format!("{}, {}", measured.measure.title, column.title),
            goal,
            measured: shown.unwrap_or_else(|| "-".to_owned()),
            met: value.map(|value| self.is_met(value)),
        }
    }

    fn is_met(&self, value: f64) -> bool {
        match self.bound {
            AtLeast => value >= self.limit,
            AtMost => value <= self.limit,
        }
    }

    /// The peer with the highest or the lowest median, whichever is the better one.
    fn best_peer(&self, all: &Results, median: impl Fn(usize) -> Option<f64>) -> Option<usize> {
        let is_peer = |index: &usize| ![DIRECT, OURS].contains(&all.entrants[*index].key.as_str());
        let peers = (0..all.entrants.len()).filter(is_peer);
        let values = peers.filter_map(|index| Some((index, median(index)?)));
        let best = match self.bound {
            AtLeast => values.max_by(|a, b| a.1.total_cmp(&b.1)),
            AtMost => values.min_by(|a, b| a.1.total_cmp(&b.1)),
        };
        best.map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::measures;
    use crate::compare::results::example;

    #[test]
    fn every_goal_is_about_figures_and_subjects_that_there_are() {
        let measures = measures::all(false);
        for goal in GOALS {
            for key in goal.measures {
                let measure = measures.iter().find(|measure| measure.key == *key).unwrap();
                assert!(measure.columns.iter().any(|column| column.key == goal.column), "{key}");
            }
            if let Subject(key) = goal.beside {
                let file = format!("{}/peers/{key}.toml", env!("CARGO_MANIFEST_DIR"));
                assert!(key == DIRECT || std::path::Path::new(&file).exists(), "{key}");
            }
        }
    }

    #[test]
    fn goals_are_met_missed_or_without_a_figure() {
        let mut results = example();
        results.entrants[2].key = "nginx".to_owned();
        let verdicts = judge(&results);
        let told: Vec<_> =
            verdicts.iter().map(|it| (it.goal.as_str(), it.measured.as_str(), it.met)).collect();
        assert_eq!(
            told,
            [
                ("≥ 1.00 x a peer", "1.18 x", Some(true)),
                ("≥ 1.12 x haproxy", "-", None),
                ("≥ 1.25 x realm", "-", None),
                ("≥ 1.25 x go-copy", "-", None),
                ("≥ 0.50 x direct", "0.52 x", Some(true)),
            ]
        );
        assert_eq!(verdicts[0].what, "64 B request and response, 64 sessions, per second");
    }

    #[test]
    fn the_best_peer_is_the_one_at_the_good_end() {
        let results = example();
        let medians = [Some(1.0), Some(2.0), Some(4.0), Some(3.0)];
        for (bound, best) in [(AtLeast, 2), (AtMost, 3)] {
            let goal = goal(&[], "rate", bound, 1.0, BestPeer);
            assert_eq!(goal.best_peer(&results, |index| medians[index]), Some(best));
            assert_eq!(goal.best_peer(&results, |_| None), None);
            assert_eq!((goal.is_met(1.01), goal.is_met(0.99)), (best == 2, best == 3));
        }
    }
}
