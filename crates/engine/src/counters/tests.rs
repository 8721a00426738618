//! Counters of workers, added up.

use super::*;
use flow::{CloseReason, LaneEnding, PathsUsed};

/// The end of a session that has moved nothing.
pub(crate) fn ending(reason: CloseReason, duration: Duration) -> Ending {
    let lane = LaneEnding {
        bytes: 0,
        paths: PathsUsed::default(),
        fallback: Fallback::None,
        stalled: Duration::ZERO,
    };
    Ending { reason, duration, connect_time: None, first_byte: None, lanes: [lane; 2] }
}

#[test]
fn workers_are_added_up() {
    let counters = ForwardCounters::new(3);
    let reason = CloseReason::new(By::Client, Phase::Relay, Cause::Fin);
    for worker in [0, 2] {
        let mine = counters.of(worker);
        mine.opened();
        mine.opened();
        mine.moved(Direction::Down, Path::Splice, 10);
        mine.connected(Duration::from_millis(1));
        let mut ending = ending(reason, Duration::from_secs(100_000));
        ending.lanes[0].fallback = Fallback::NoPipe;
        ending.lanes[1].stalled = Duration::from_millis(1500);
        mine.closed(Time::default(), &ending);
    }
    let totals = counters.totals();
    assert_eq!((totals.opened, totals.open()), (4, 2));
    assert_eq!(totals.closed, BTreeMap::from([((By::Client, Phase::Relay, Cause::Fin), 2)]));
    assert_eq!(totals.bytes, [[0, 0], [0, 20]]);
    assert_eq!((totals.bytes_of(Direction::Up), totals.bytes_of(Direction::Down)), (0, 20));
    assert_eq!(totals.fallbacks, BTreeMap::from([(Fallback::NoPipe, 2)]));
    assert_eq!(totals.connecting.counts[1], 2, "a bound belongs to its class");
    assert_eq!(totals.living.counts[DURATION_BOUNDS.len()], 2, "longer than a day");
    assert_eq!(totals.living.sum, Duration::from_secs(200_000));
    assert_eq!(totals.stalled, [Duration::ZERO, Duration::from_secs(3)]);
}

#[test]
fn sessions_ended_by_clients_and_operators_are_no_failures() {
    let counters = ForwardCounters::new(2);
    let ends = [
        (0, 5, By::Target, Phase::Connect, Cause::Refused),
        (1, 3, By::Limit, Phase::Connect, Cause::ConnectTimeout),
        (1, 7, By::Client, Phase::Connect, Cause::Reset),
        (0, 8, By::Target, Phase::Relay, Cause::Reset),
    ];
    for (worker, at, by, phase, cause) in ends {
        let (at, reason) = (Time::from_micros(at), CloseReason::new(by, phase, cause));
        counters.of(worker).closed(at, &ending(reason, Duration::ZERO));
    }
    counters.of(1).refused(Time::from_micros(9), Cause::OverLimit);
    counters.of(0).refused(Time::from_micros(10), Cause::NotAllowed);
    let totals = counters.totals();
    assert_eq!((totals.failed(), totals.last_failed), (2, Some(Time::from_micros(5))));
    assert_eq!(counters.attempts(), Attempts { opened: 0, failed: 2 });
    let next = ForwardCounters::new(1);
    next.of(0).seed(&totals);
    next.of(0).opened();
    assert_eq!(next.attempts(), Attempts { opened: 1, failed: 2 });
    let refused = BTreeMap::from([(Cause::OverLimit, 1), (Cause::NotAllowed, 1)]);
    assert_eq!((totals.refused, totals.last_refused), (refused, Some(Time::from_micros(9))));
}
