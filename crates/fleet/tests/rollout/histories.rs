//! The histories, and what holds at their ends.

use crate::instance::{Behaviour, Millis, Model};
use crate::publisher::Publisher;
use crate::world::World;
use fleet::{
    FailureLine, Fault, InstanceState, InterruptLine, Line, Outcome, Publication, RefusalLine,
    Request, ResultLine, StepLine, TextHash,
};
use std::time::Duration;

const HOLD: Millis = 20_000;
/// Longer than any trial after its publisher.
const REST: Millis = 120_000;

fn text(number: u64) -> TextHash {
    TextHash::of(&format!("text {number}"))
}

fn publish(number: u64, canary: Option<&str>) -> Request {
    Request::Publish(Publication {
        text: text(number),
        canary: canary.map(|it| it.parse().unwrap()),
        random: number,
        hold: Duration::from_millis(HOLD),
        note: format!("note {number}"),
        needs: Vec::new(),
    })
}

fn fleet(count: u64) -> Vec<Model> {
    (1..=count).map(|number| Model::new(format!("edge-{number}"), Vec::new())).collect()
}

/// A world in which `text(0)` is stable.
fn world(seed: u64, instances: Vec<Model>) -> World {
    let mut world = World::new(seed, instances);
    world.play(300);
    let now = world.now;
    world.publishers.push(Publisher::new(publish(0, None), "first@ops", now));
    world.play(60_000);
    let first = world.publishers.pop().unwrap();
    assert_eq!(first.outcome, Some(Outcome::Done), "{:?}", first.lines);
    world
}

fn run(world: &mut World, request: Request) -> Publisher {
    let now = world.now;
    world.publishers.push(Publisher::new(request, "alice@ops", now));
    world.play(now + REST);
    world.publishers.pop().unwrap()
}

/// `current` is decided, or every instance has left the trial.
fn assert_quiet(world: &World, what: &str) {
    let current = world.current().unwrap();
    for model in world.instances.iter().filter(|model| model.is_alive) {
        let is_quiet = model.state() != InstanceState::Trying && model.runs() == model.good();
        assert!(is_quiet, "{what}: {model:?} {current:?}");
        let follows =
            model.good() == current.stable || current.stable.is_some_and(|it| model.refuses(it));
        assert!(follows, "{what}: {model:?} {current:?}");
    }
}

#[test]
fn a_canary_comes_first_then_all_then_the_text_is_stable() {
    let mut world = world(1, fleet(5));
    let publisher = run(&mut world, publish(1, Some("edge-2")));
    assert_eq!(publisher.outcome, Some(Outcome::Done));
    let steps =
        publisher.lines.iter().filter(|line| matches!(line, Line::Step(StepLine::Begun { .. })));
    assert_eq!(steps.count(), 2, "{:?}", publisher.lines);
    assert!(
        publisher.lines.contains(&ResultLine::Settled { count: 5 }.into()),
        "{:?}",
        publisher.lines
    );
    assert_eq!(world.current().unwrap().stable, Some(text(1)));
    assert_quiet(&world, "after it");
}

#[test]
fn one_refusal_goes_back_with_its_reason_and_removes_the_text() {
    let mut instances = fleet(5);
    instances[3].behaviours.push((text(1), Behaviour::Refused));
    let mut world = world(2, instances);
    let publisher = run(&mut world, publish(1, Some("20%")));
    assert_eq!(publisher.outcome, Some(Outcome::Failed));
    let lines: Vec<String> = publisher.lines.iter().map(ToString::to_string).collect();
    assert!(lines.iter().any(|it| it.ends_with("edge-4 refused it: a port is taken")), "{lines:?}");
    let current = world.current().unwrap();
    assert!(current.trial.is_none() && current.stable == Some(text(0)), "{current:?}");
    assert!(current.note.contains("a port is taken"), "{current:?}");
    assert!(!world.store.texts.contains_key(&text(1)));
    assert_quiet(&world, "after it");
}

#[test]
fn an_instance_that_begins_late_runs_the_text_for_its_hold_all_the_same() {
    let mut world = world(3, fleet(3));
    world.instances[2].next_read = world.now + 9_000;
    let publisher = run(&mut world, publish(1, None));
    assert_eq!(publisher.outcome, Some(Outcome::Done), "{:?}", publisher.lines);
    let is_extended =
        publisher.lines.iter().any(|line| matches!(line, Line::Step(StepLine::Extended { .. })));
    assert!(is_extended, "{:?}", publisher.lines);
}

#[test]
fn back_returns_to_the_text_before_and_again_to_the_later_one() {
    let mut world = world(4, fleet(2));
    assert_eq!(run(&mut world, publish(1, None)).outcome, Some(Outcome::Done));
    for expected in [0, 1] {
        let publisher = run(&mut world, Request::Back);
        assert_eq!(publisher.outcome, Some(Outcome::Done), "{:?}", publisher.lines);
        assert_eq!(world.current().unwrap().stable, Some(text(expected)));
        assert_quiet(&world, "after back");
    }
}

#[test]
fn a_pending_trial_an_unknown_name_and_the_same_text_are_refused() {
    let mut world = world(5, fleet(2));
    let same = run(&mut world, publish(0, None));
    assert_eq!(same.lines, [ResultLine::Unchanged { revision: 2 }.into()]);
    let unknown = run(&mut world, publish(1, Some("edge-9")));
    let line = unknown.lines[0].to_string();
    assert!(line.contains("edge-9: choose among edge-1, edge-2"), "{line}");
    let now = world.now;
    world.publishers.push(Publisher::new(publish(1, None), "bob@ops", now));
    world.play(now + 5_000);
    let second = run(&mut world, publish(2, None));
    assert!(
        matches!(second.lines[0], Line::Refusal(RefusalLine::TrialPending { .. })),
        "{:?}",
        second.lines
    );
    assert_eq!(second.outcome, Some(Outcome::Failed));
}

#[test]
fn of_two_publishers_at_once_one_goes_on_and_the_other_says_who_won() {
    let mut world = world(6, fleet(3));
    let now = world.now;
    world.publishers.push(Publisher::new(publish(1, Some("1")), "bob@ops", now));
    let late = run(&mut world, publish(2, Some("1")));
    let early = world.publishers.pop().unwrap();
    assert_eq!(early.outcome, Some(Outcome::Done), "{:?}", early.lines);
    assert_eq!(late.outcome, Some(Outcome::Failed));
    let Some(Line::Failure(FailureLine::Overtaken { by, .. })) = late.lines.last() else {
        panic!("{:?}", late.lines)
    };
    assert_eq!(by, "bob@ops");
}

#[test]
fn ctrl_c_once_leaves_the_trial_and_twice_goes_back() {
    for count in [1, 2] {
        let mut world = world(7, fleet(3));
        let now = world.now;
        let mut publisher = Publisher::new(publish(1, Some("1")), "alice@ops", now);
        publisher.interrupts = (0..count).map(|number| now + 5_000 + number * 1_000).collect();
        world.publishers.push(publisher);
        world.play(now + 9_000);
        assert_eq!(world.current().unwrap().trial.is_some(), count == 1);
        world.play(now + REST);
        let publisher = &world.publishers[0];
        assert_eq!(publisher.outcome, Some(Outcome::Failed), "{:?}", publisher.lines);
        let is_said = publisher
            .lines
            .iter()
            .any(|line| matches!(line, Line::Interrupt(InterruptLine::OnTrial { .. })));
        assert!(is_said, "{:?}", publisher.lines);
        assert_quiet(&world, "after Ctrl-C");
    }
}

#[test]
fn a_killed_publisher_leaves_no_trial_and_another_goes_on() {
    for killed_at in 1..12 {
        for goes_on in [false, true] {
            let mut world = world(8, fleet(4));
            let now = world.now;
            let mut publisher = Publisher::new(publish(1, Some("1")), "alice@ops", now);
            publisher.killed_at = killed_at;
            world.publishers.push(publisher);
            while !world.publishers[0].is_over() && world.now < now + REST {
                world.play(world.now + 100);
            }
            let what = format!("killed at {killed_at}, another goes on: {goes_on}");
            if goes_on {
                let was_on_trial = world.current().unwrap().trial.is_some();
                let next = run(&mut world, Request::Continue);
                assert_eq!(next.outcome, Some(Outcome::Done), "{what}: {:?}", next.lines);
                let current = world.current().unwrap();
                assert!(current.trial.is_none(), "{what}");
                let is_new = was_on_trial || current.revision > 4;
                assert_eq!(current.stable, Some(text(u64::from(is_new))), "{what}");
            }
            world.play(world.now + REST);
            assert_quiet(&world, &what);
        }
    }
}

/// An instance does not try a text again that it has ended, until a revision without it has come.
#[test]
fn a_text_that_every_instance_has_ended_is_tried_again() {
    let mut instances = fleet(3);
    instances[0].behaviours.push((text(1), Behaviour::Bad(2_000)));
    let mut world = world(3, instances);
    let now = world.now;
    let mut killed = Publisher::new(publish(1, None), "bob@ops", now);
    killed.killed_at = 3;
    world.publishers.push(killed);
    world.play(now + REST);
    world.publishers.clear();
    assert!(world.current().unwrap().trial.is_some(), "{:?}", world.current());
    world.instances[0].behaviours.clear();
    let again = run(&mut world, publish(1, None));
    assert_eq!(again.outcome, Some(Outcome::Done), "{:?}", again.lines);
    let is_removed =
        again.lines.iter().any(|line| matches!(line, Line::Result(ResultLine::EndedBefore { .. })));
    assert!(is_removed, "{:?}", again.lines);
    assert_eq!(world.current().unwrap().stable, Some(text(1)));
    assert_quiet(&world, "after it");
}

#[test]
fn the_hold_of_a_long_outage_ends_with_every_instance_back() {
    let mut world = world(9, fleet(3));
    let now = world.now;
    world.publishers.push(Publisher::new(publish(1, None), "alice@ops", now));
    world.play(now + 5_000);
    world.store.away_until = now + 60_000;
    world.play(now + 59_000);
    let publisher = &world.publishers[0];
    assert_eq!(publisher.outcome, Some(Outcome::Failed), "{:?}", publisher.lines);
    assert!(world.instances.iter().all(|model| model.runs() == Some(text(0))));
}

fn behaviours(world: &mut World) -> Vec<(TextHash, Behaviour)> {
    (1..4)
        .map(|number| {
            let behaviour = match world.random.below(12) {
                0 => Behaviour::Refused,
                1 => Behaviour::Bad(1_000 + world.random.below(2 * HOLD)),
                _ => Behaviour::Fine,
            };
            (text(number), behaviour)
        })
        .collect()
}

fn random_publisher(world: &mut World, number: usize) -> Publisher {
    let canary = ["1", "50%", "edge-1", "edge-2,edge-3"];
    let canary = canary.get(usize::try_from(world.random.below(5)).unwrap()).copied();
    let request = match world.random.below(6) {
        0 => Request::Continue,
        1 => Request::Back,
        _ => publish(1 + world.random.below(3), canary),
    };
    let begins = world.now + world.random.below(30_000);
    let mut publisher = Publisher::new(request, &format!("p{number}@ops"), begins);
    if world.random.below(3) == 0 {
        publisher.killed_at = u32::try_from(1 + world.random.below(8)).unwrap();
    }
    if world.random.below(5) == 0 {
        let first = begins + world.random.below(40_000);
        publisher.interrupts = vec![first, first + world.random.below(6_000)];
    }
    publisher
}

#[test]
fn random_histories_end_decided_or_fallen_back() {
    let (mut done, mut back, mut overtaken) = (0, 0, 0);
    for seed in 0..400 {
        let mut world = world(seed, fleet(3 + seed % 4));
        for number in 0..world.instances.len() {
            world.instances[number].behaviours = behaviours(&mut world);
        }
        world.has_faults = true;
        for round in 0..3 {
            for number in 0..=usize::from(world.random.below(2) == 0) {
                let publisher = random_publisher(&mut world, round * 2 + number);
                world.publishers.push(publisher);
            }
            for _ in 0..4 {
                let until = world.now + world.random.below(25_000);
                world.play(until);
                disturb(&mut world);
            }
            world.play(world.now + 40_000);
            let is_fault = |line: &Line| matches!(line, Line::GoesBack { .. });
            for publisher in &world.publishers {
                done += u32::from(publisher.outcome == Some(Outcome::Done));
                back += u32::from(publisher.lines.iter().any(is_fault));
                let is_overtaken =
                    |line: &Line| matches!(line, Line::Failure(FailureLine::Overtaken { .. }));
                overtaken += u32::from(publisher.lines.iter().any(is_overtaken));
            }
            world.publishers.retain(|publisher| !publisher.is_over());
        }
        world.has_faults = false;
        world.play(world.now + 2 * REST);
        assert!(world.publishers.iter().all(Publisher::is_over), "seed {seed}");
        assert_quiet(&world, &format!("seed {seed}"));
    }
    assert!(done > 100 && back > 100 && overtaken > 10, "{done} {back} {overtaken}");
}

/// The store goes away, or an instance dies or starts again.
fn disturb(world: &mut World) {
    let (now, number) = (world.now, world.random.below(world.instances.len() as u64));
    let model = &mut world.instances[usize::try_from(number).unwrap()];
    match world.random.below(6) {
        0 => world.store.away_until = now + world.random.below(50_000),
        1 if model.is_alive => model.is_alive = false,
        1 | 2 => model.restart(now),
        _ => {}
    }
}

#[test]
fn a_name_from_the_store_moves_no_cursor() {
    let why = "\u{1b}[2J".to_owned();
    let fault = Fault::Refused { instance: "edge\n1".into(), why };
    let line = Line::GoesBack { revision: 2, fault }.to_string();
    assert!(!line.contains(['\n', '\u{1b}']), "{line}");
}
