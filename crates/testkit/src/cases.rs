//! Connection histories as scripts for both ends, with the result that a forwarder owes to each
//! end. Any forwarder can run them: the end-to-end tests use ours, `tf-load fidelity` also others.
//!
//! ```text
//!   Case::set_up -> Stage (the target listens) -> start a forwarder to Stage::target
//!                -> Stage::play (the client connects) -> Seen, to compare with the expected result
//! ```

mod bytes;
mod connecting;
mod fins;
mod race;
mod resets;
mod view;

use std::net::SocketAddr;
use std::time::Duration;

use race::{Race, Resets};
pub use view::{Ending, Owed, View};

use crate::addr::{Addr, Place};
use crate::black_hole::BlackHole;
use crate::peer::Peer;
use crate::port::Port;
use crate::script::Script;

const MIB: u64 = 1024 * 1024;

/// More than all buffers on a way hold.
const MUCH: u64 = 64 * MIB;

/// Long enough for earlier bytes to arrive on loopback.
const MOMENT: Duration = Duration::from_millis(300);

/// One thing that can happen.
#[derive(Debug)]
pub struct Case {
    /// Its name, like a function's.
    pub name: &'static str,
    /// What happens, in a line.
    pub what: &'static str,
    /// What the client must see; `None` if it is gone by then.
    pub client: Option<Owed>,
    /// What the target must see; `None` if there is none, or it is gone by then.
    pub target: Option<Owed>,
    /// The parts of both ends, made anew for each time it is played.
    parts: fn() -> Parts,
}

enum Parts {
    /// A script for each end.
    Scripts { client: Script, target: Role },
    /// Bulk both ways, and one end resets.
    BulkReset(Resets),
}

/// What stands at the target's address.
enum Role {
    Plays(Script),
    /// No listener: connections are refused.
    Refuses,
    /// No SYN is answered.
    NeverAnswers,
}

/// All cases, grouped by subject.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [fins::CASES, resets::CASES, race::CASES, connecting::CASES, bytes::CASES].into_iter().flatten()
}

impl Case {
    /// Puts the target in its place. No step of a script may stand still for longer than `limit`.
    pub fn set_up(&self, limit: Duration) -> Stage {
        let (client, target) = match (self.parts)() {
            Parts::Scripts { client, target } => (client, target),
            Parts::BulkReset(resets) => return Stage(Play::Race(Race::set_up(resets, limit))),
        };
        let target = match target {
            Role::Plays(script) => {
                Standing::Peer(Peer::listen("target", Place::V4, script.limit(limit)))
            }
            Role::Refuses => Standing::Nobody(Port::v4()),
            Role::NeverAnswers => Standing::Hole(BlackHole::open()),
        };
        Stage(Play::Scripts { client: client.limit(limit), target })
    }

    /// Whether one round proves little, because the call that meets the error first is a race.
    pub fn is_race(&self) -> bool {
        matches!((self.parts)(), Parts::BulkReset(_))
    }

    /// Whether both ends saw the expected result.
    pub fn is_kept_by(&self, seen: &Seen) -> bool {
        let kept = |owed: Option<Owed>, view: &Option<View>| match (owed, view) {
            (Some(owed), Some(view)) => owed.is_kept_by(view),
            (owed, _) => owed.is_none(),
        };
        kept(self.client, &seen.client) && kept(self.target, &seen.target)
    }
}

/// A case whose target is there, and whose client is not yet.
#[derive(Debug)]
pub struct Stage(Play);

#[derive(Debug)]
enum Play {
    Scripts { client: Script, target: Standing },
    Race(Race),
}

#[derive(Debug)]
enum Standing {
    Peer(Peer),
    Nobody(Port),
    Hole(BlackHole),
}

/// What both ends saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Observations of the client, if it ran.
    pub client: Option<View>,
    /// The target's view, if there was a target.
    pub target: Option<View>,
}

impl Stage {
    /// Where the target is.
    pub fn target(&self) -> SocketAddr {
        match &self.0 {
            Play::Scripts { target: Standing::Peer(peer), .. } => peer.addr().tcp(),
            Play::Scripts { target: Standing::Nobody(port), .. } => port.addr(),
            Play::Scripts { target: Standing::Hole(hole), .. } => hole.addr(),
            Play::Race(race) => race.target().tcp(),
        }
    }

    /// Lets the client come to `addr`, where the forwarder is, and waits for the end of both scripts.
    pub fn play(self, addr: impl Into<Addr>) -> Seen {
        let (client, target) = match self.0 {
            Play::Scripts { client, target } => (client, target),
            Play::Race(race) => return race.play(&addr.into(), 0),
        };
        let client = Peer::connect("client", addr, client).outcome();
        let target = match target {
            Standing::Peer(peer) => Some(View::of(&peer.outcome())),
            Standing::Nobody(_) | Standing::Hole(_) => None,
        };
        Seen { client: Some(View::of(&client)), target }
    }

    /// Plays a race ([`Case::is_race`]) `rounds` times, one connection after the other.
    ///
    /// # Panics
    ///
    /// If the case is not a race.
    pub fn play_rounds(self, addr: impl Into<Addr>, rounds: u64) -> Vec<Seen> {
        let Play::Race(race) = self.0 else { panic!("only a race is played in rounds") };
        let addr = addr.into();
        (0..rounds).map(|round| race.play(&addr, round)).collect()
    }
}

/// A client: it sends the stream of seed 1 and expects that of seed 2.
fn client() -> Script {
    Script::new().sending(1).expecting(2)
}

/// A target: the other way round.
fn target() -> Script {
    Script::new().sending(2).expecting(1)
}

fn play(client: Script, target: Script) -> Parts {
    Parts::Scripts { client, target: Role::Plays(target) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::wait::LIMIT;

    /// A direct connection passes the cases, except that it has no place for urgent bytes in the
    /// stream, cannot accept for a target that refuses, and shares its handshake with the target.
    #[test]
    fn a_direct_connection_keeps_what_is_owed() {
        const OTHERWISE: [&str; 3] =
            ["urgent_bytes", "the_target_refuses", "the_target_never_answers"];
        for case in all().filter(|case| !OTHERWISE.contains(&case.name)) {
            let stage = case.set_up(LIMIT);
            let target = stage.target();
            let seen = stage.play(target);
            assert!(case.is_kept_by(&seen), "{}: {seen:?}", case.name);
        }
    }

    #[test]
    fn each_case_has_a_name_of_its_own() {
        let names: BTreeSet<_> = all().map(|case| case.name).collect();
        assert_eq!(names.len(), all().count());
    }
}
