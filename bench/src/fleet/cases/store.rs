//! Faults of the store.

use std::time::Duration;

use fleet::InstanceState;
use tempfile::TempDir;

use super::Case;
use crate::failure::Result;
use crate::fleet::scene::{ROLLOUT, Scene, finish};
use crate::fleet::texts::Extra;

pub(super) const CASES: [Case; 7] = [
    Case {
        key: "leader-killed",
        title: "the leader of the store is killed during a roll-out",
        is_quick: true,
        play: |scene| during_a_rollout(scene, Fault::Killed, true),
    },
    Case {
        key: "member-frozen",
        title: "a member that does not lead is frozen (SIGSTOP) during a roll-out",
        is_quick: false,
        play: |scene| during_a_rollout(scene, Fault::Frozen, false),
    },
    Case {
        key: "leader-frozen",
        title: "the leader is frozen during a roll-out",
        is_quick: false,
        play: |scene| during_a_rollout(scene, Fault::Frozen, true),
    },
    Case {
        key: "quorum",
        title: "two of three members are killed: the store has no quorum",
        is_quick: false,
        play: quorum,
    },
    Case {
        key: "restored",
        title: "the store is restored from an older snapshot, as the same cluster",
        is_quick: false,
        play: |scene| restored(scene, Back::SameCluster),
    },
    Case {
        key: "restored-other",
        title: "the store is restored from an older snapshot, as another cluster",
        is_quick: false,
        play: |scene| restored(scene, Back::OtherCluster),
    },
    Case {
        key: "wiped",
        title: "the store is wiped",
        is_quick: false,
        play: |scene| restored(scene, Back::Nothing),
    },
];

/// Time for every instance to see a fault of the store, and to report it.
const SEEN: Duration = Duration::from_secs(60);
/// Time without a quorum.
const AWAY: Duration = Duration::from_secs(15);

#[derive(Clone, Copy)]
enum Fault {
    Killed,
    Frozen,
}

/// A fault while the canary of a roll-out tries its text: the roll-out must go on to its end.
fn during_a_rollout(scene: &mut Scene, fault: Fault, is_leader: bool) -> Result<String> {
    let version = scene.next(Extra::None);
    let file = scene.file(&version)?;
    let publisher = scene.begin(&["publish", &file, "--canary", "edge-1", "--hold", "3s"]);
    scene.await_state(0, InstanceState::Trying, ROLLOUT)?;
    let leader = scene.cluster.leader();
    let member = if is_leader { leader } else { (leader + 1) % 3 };
    match fault {
        Fault::Killed => scene.cluster.kill_member(member),
        Fault::Frozen => scene.cluster.freeze_member(member),
    }
    finish(&publisher, 0)?;
    scene.settle(version)?;
    match fault {
        Fault::Killed => scene.cluster.start_member(member),
        Fault::Frozen => scene.cluster.thaw_member(member),
    }
    scene.cluster.wait_until_healthy();
    scene.publish(Extra::None)?;
    Ok("the roll-out ended with all instances on its text; so did the next one".to_owned())
}

fn quorum(scene: &mut Scene) -> Result<String> {
    let version = scene.next(Extra::Serves);
    let file = scene.file(&version)?;
    let leader = scene.cluster.leader();
    let killed = [leader, (leader + 1) % 3];
    for member in killed {
        scene.cluster.kill_member(member);
    }
    scene.run(&["publish", &file, "--hold", "1s"], 1)?;
    std::thread::sleep(AWAY);
    scene.look()?;
    for member in killed {
        scene.cluster.start_member(member);
    }
    scene.cluster.wait_until_healthy();
    scene.settle(scene.stable.clone())?;
    scene.publish(Extra::None)?;
    Ok("`publish` ended with 1; with a quorum again, all follow the next text".to_owned())
}

#[derive(Clone, Copy)]
enum Back {
    SameCluster,
    OtherCluster,
    Nothing,
}

impl Back {
    fn why(self) -> &'static str {
        match self {
            Self::SameCluster => "the store went back",
            Self::OtherCluster => "another cluster",
            Self::Nothing => "the store has no configuration",
        }
    }
}

/// A store that lost revisions is not followed until the next publication.
fn restored(scene: &mut Scene, back: Back) -> Result<String> {
    let dir = TempDir::new()?;
    let snapshot = dir.path().join("snapshot");
    scene.cluster.save_snapshot(&snapshot);
    scene.publish(Extra::None)?;
    match back {
        Back::SameCluster => scene.cluster.restore_same_cluster(&snapshot),
        Back::OtherCluster => scene.cluster.restore_snapshot(&snapshot),
        Back::Nothing => scene.cluster.wipe(),
    }
    let (why, hash) = (back.why(), scene.stable.hash);
    scene.await_all(&format!("each instance to report `{why}`"), SEEN, |it| {
        if it.why.contains(why) && it.runs == Some(hash) {
            return Ok(());
        }
        Err(format!("is {}: {}", it.state, it.why))
    })?;
    scene.look()?;
    scene.publish(Extra::None)?;
    Ok("all kept their text and said why; all follow the next one".to_owned())
}
