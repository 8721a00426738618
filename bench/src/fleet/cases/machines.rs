//! Instances that are killed.

use fleet::InstanceState;

use super::Case;
use super::rollouts::expect;
use crate::failure::Result;
use crate::fleet::scene::{ROLLOUT, Scene, finish};
use crate::fleet::texts::Extra;

pub(super) const CASES: [Case; 2] = [
    Case {
        key: "killed",
        title: "an instance is killed (SIGKILL) and started again",
        is_quick: true,
        play: killed,
    },
    Case {
        key: "killed-trial",
        title: "an instance is killed during a trial and started again",
        is_quick: false,
        play: killed_on_trial,
    },
];

fn killed(scene: &mut Scene) -> Result<String> {
    scene.kill(2);
    scene.start_again(2)?;
    scene.settle(scene.stable.clone())?;
    scene.publish(Extra::None)?;
    Ok("it serves the stable text again, and follows the next one".to_owned())
}

fn killed_on_trial(scene: &mut Scene) -> Result<String> {
    let before = scene.stable.clone();
    let version = scene.next(Extra::Serves);
    let file = scene.file(&version)?;
    let publisher = scene.begin(&["publish", &file, "--hold", "60s"]);
    for instance in scene.instances.numbers() {
        scene.await_state(instance, InstanceState::Trying, ROLLOUT)?;
    }
    scene.kill(1);
    scene.start_again(1)?;
    let lines = finish(&publisher, 1)?;
    expect(&lines, "edge-2")?;
    scene.settle(before)?;
    Ok("`publish` ended with 1, all run the text before".to_owned())
}
