//! An upgrade in place: park, save, forget everything, and a new engine that restores it.

use super::Control;
use crate::random::Choices;
use engine::{Engine, Handoff, NotParked};
use std::sync::Arc;
use sys::kernel::Kernel as _;
use testkit::sim::Process;

impl Control {
    /// Begins an upgrade that fails between saving and execve(2).
    pub(super) fn fail_upgrade(&mut self) {
        self.complete();
        let saved = self.engine().park().and_then(|parked| parked.save());
        require_saved(saved.err());
    }

    /// Replaces the process image.
    pub(super) fn upgrade(&mut self) {
        self.complete();
        let world = self.world.clone();
        let engine = self.engine();
        let saved = engine.park().and_then(|parked| {
            let handoff = parked.save()?;
            world.lock().replace_image();
            Ok(handoff)
        });
        match saved {
            Ok(handoff) => self.resume(handoff),
            Err(error) => require_saved(Some(error)),
        }
    }

    /// The number of workers of the next image: mostly the same, since only then are the epoll instances
    /// used again.
    fn next_workers(&self) -> usize {
        let mut world = self.world.lock();
        // More workers need more descriptors.
        if world.has_few_files || world.random.chance(80) {
            self.workers
        } else {
            world.random.pick(&[1, 2, 3])
        }
    }

    /// The next process image: makes an engine, and restores the saved state.
    fn resume(&mut self, handoff: Handoff<Process>) {
        let max_sessions = self.engine().max_sessions();
        // execve(2) has freed the memory of the previous image.
        drop(self.published.take());
        drop(self.engine.take());
        let before = self.world.lock().places_of_sessions();
        self.world.lock().forget_image();
        self.workers = self.next_workers();
        let Handoff { forwards, workers, sockets } = handoff;
        let forwards: handover::Forwards =
            handover::decode(&handover::encode(&forwards)).expect("a message can be read again");
        let process = self.world.lock().process.clone();
        let claim = |number: &u32| process.claim_epoll(*number).expect("save() has kept it open");
        let epolls = forwards.epolls.iter().map(claim).collect();
        self.prepare(epolls, max_sessions);
        let plans: Vec<Arc<plan::Forward>> = self.plans.clone();
        let handoff = Handoff { forwards, workers, sockets };
        let taken = Engine::take_over(self.engine(), &plans, handoff);
        let open = before.len() as u64;
        assert_eq!((taken.sessions, taken.lost), (open, 0), "sessions restored and lost");
        let after = self.world.lock().places_of_sessions();
        for (id, place) in after {
            let Some(was) = before.get(&id) else { continue };
            let is_kept = was[..2] == place[..2] && (was[2].is_empty() || was[2] == place[2]);
            assert!(is_kept, "session {id}: {was:?} became {place:?}");
        }
        let mut world = self.world.lock();
        world.is_restoring = false;
        world.check_ends();
        drop(world);
        assert!(taken.unbound.is_empty(), "listeners were lost: {:?}", taken.unbound);
    }
}

/// No condition of a history keeps workers from parking and saving.
fn require_saved(error: Option<NotParked>) {
    assert!(error.is_none(), "the workers could not be saved: {error:?}");
}
