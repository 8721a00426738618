//! Publishers that are killed, and two at once.

use std::time::{Duration, Instant};

use testkit::{Forwarder, HeldStore, Hold, PublisherRequest, Signal};

use super::Case;
use crate::failure::{Failure, Result};
use crate::fleet::records::View;
use crate::fleet::scene::{HOLD, PREFIX, ROLLOUT, Scene, finish};
use crate::fleet::texts::Extra;

use PublisherRequest::{CleanUp, Current};

pub(super) const CASES: [Case; 9] = [
    Case {
        key: "killed-publisher-1",
        title: "a publisher is killed before it writes the trial",
        is_quick: false,
        play: |scene| killed(scene, Step::Held(Hold::Before(Current(1))), Then::Before),
    },
    Case {
        key: "killed-publisher-2",
        title: "a publisher is killed when the trial of one instance is written",
        is_quick: false,
        play: |scene| killed(scene, Step::Held(Hold::After(Current(1))), Then::Continue),
    },
    Case {
        key: "killed-publisher-3",
        title: "a publisher is killed when one instance runs the text",
        is_quick: false,
        play: |scene| killed(scene, Step::Line("edge-1 runs revision"), Then::FallBack),
    },
    Case {
        key: "killed-publisher-4",
        title: "a publisher is killed before it writes the trial of all instances",
        is_quick: false,
        play: |scene| killed(scene, Step::Held(Hold::Before(Current(2))), Then::Continue),
    },
    Case {
        key: "killed-publisher-5",
        title: "a publisher is killed when all try the text",
        is_quick: false,
        play: |scene| killed(scene, Step::Line("edge-2 runs revision"), Then::Back),
    },
    Case {
        key: "killed-publisher-6",
        title: "a publisher is killed before it confirms the text",
        is_quick: false,
        play: |scene| killed(scene, Step::Held(Hold::Before(Current(3))), Then::FallBack),
    },
    Case {
        key: "killed-publisher-7",
        title: "a publisher is killed when the text is confirmed",
        is_quick: false,
        play: |scene| killed(scene, Step::Held(Hold::After(Current(3))), Then::Stable),
    },
    Case {
        key: "killed-publisher-8",
        title: "a publisher is killed before it removes old texts",
        is_quick: false,
        play: before_clean_up,
    },
    Case {
        key: "two-publishers",
        title: "two publishers publish at once",
        is_quick: true,
        play: two_at_once,
    },
];

/// An instance falls back 10 s after the hold; the rest is for a busy machine.
const BY_THEMSELVES: Duration = Duration::from_secs(30);

/// Where a publisher is killed.
#[derive(Clone, Copy)]
enum Step {
    Held(Hold),
    /// After this line.
    Line(&'static str),
}

/// The fate of the text.
#[derive(Clone, Copy)]
enum Then {
    /// It was never on trial.
    Before,
    /// It is stable.
    Stable,
    /// `rollout continue` makes it stable.
    Continue,
    /// `rollout back` takes it back at once.
    Back,
    /// The instances end its trial by themselves, and `rollout back` ends it for good.
    FallBack,
}

fn killed(scene: &mut Scene, step: Step, then: Then) -> Result<String> {
    let before = scene.stable.clone();
    let version = scene.next(Extra::Serves);
    let file = scene.file(&version)?;
    kill_at(scene, step, &["publish", &file, "--canary", "edge-1", "--hold", HOLD])?;
    match then {
        Then::Before => {
            scene.settle(before)?;
            Ok("all run the text before".to_owned())
        }
        Then::Stable => {
            scene.settle(version)?;
            Ok("all run the new text".to_owned())
        }
        Then::Continue => {
            scene.run(&["rollout", "continue"], 0)?;
            scene.settle(version)?;
            Ok("`rollout continue` made it stable, all run it".to_owned())
        }
        Then::Back => {
            scene.run(&["rollout", "back"], 0)?;
            scene.settle(before)?;
            Ok("`rollout back` took it back, all run the text before".to_owned())
        }
        Then::FallBack => {
            scene.await_all("each instance to fall back", BY_THEMSELVES, |it| {
                if it.runs == Some(before.hash) { Ok(()) } else { Err(format!("is {}", it.state)) }
            })?;
            scene.run(&["rollout", "back"], 0)?;
            scene.settle(before)?;
            Ok("the instances fell back by themselves, all run the text before".to_owned())
        }
    }
}

/// A text that nothing names is left by another killed publisher: otherwise there is nothing to remove.
fn before_clean_up(scene: &mut Scene) -> Result<String> {
    killed(scene, Step::Held(Hold::Before(Current(1))), Then::Before)?;
    killed(scene, Step::Held(Hold::Before(CleanUp)), Then::Stable)
}

fn kill_at(scene: &Scene, step: Step, arguments: &[&str]) -> Result<()> {
    let publisher = match step {
        Step::Held(hold) => {
            let store = HeldStore::start(&scene.cluster, hold);
            let publisher = scene.begin_at(&store.url(PREFIX), arguments);
            store.wait_until_held();
            publisher.signal(Signal::KILL);
            publisher
        }
        Step::Line(begin) => {
            let publisher = scene.begin(arguments);
            let since = Instant::now();
            while !publisher.stdout().iter().any(|line| line.starts_with(begin)) {
                if since.elapsed() > ROLLOUT {
                    return Err(Failure::new(format!("no publisher says `{begin}`")));
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            publisher.signal(Signal::KILL);
            publisher
        }
    };
    let exit = publisher.wait_exit(ROLLOUT);
    if exit.code().is_none() {
        return Ok(());
    }
    Err(Failure::new(format!("the publisher ended with {exit} before its step")))
}

/// One of both wins, and the other one names its revision.
fn two_at_once(scene: &mut Scene) -> Result<String> {
    let versions = [Extra::Serves, Extra::None].map(|extra| scene.next(extra));
    let mut publishers = Vec::new();
    for version in &versions {
        let file = scene.file(version)?;
        publishers.push(scene.begin(&["publish", &file, "--canary", "edge-1", "--hold", "3s"]));
    }
    let exits: Vec<_> = publishers.iter().map(|it: &Forwarder| it.wait_exit(ROLLOUT)).collect();
    let won: Vec<_> = (0..2).filter(|it| exits[*it].code() == Some(0)).collect();
    let [winner] = won[..] else {
        let words = format!("two publishers ended with {} and {}", exits[0], exits[1]);
        return Err(Failure::new(words));
    };
    let lines = finish(&publishers[1 - winner], 1)?;
    let revision = |view: &View| Ok(view.current.as_ref().map_or(0, |current| current.revision));
    let (_, stable) = scene.records.wait_for("a revision", ROLLOUT, revision)?;
    // The loser saw one of the winner's three revisions.
    let is_named = |ago| lines.contains(&format!("revision {}", stable.saturating_sub(ago)));
    if !(0..3).any(is_named) {
        let words = format!("the loser does not name the winner's revision, {stable}: {lines}");
        return Err(Failure::new(words));
    }
    let [first, second] = versions;
    scene.settle(if winner == 0 { first } else { second })?;
    Ok("one ended with 0, and all run its text; the other one with 1".to_owned())
}
