//! The rules, and the comparison of a supervisor with them.

use super::*;

impl World {
    /// Whether these forwards run beside those of `text`.
    pub(super) fn fits(names: &Names, text: &Text) -> bool {
        let others = text.as_ref().map(|(_, others)| others);
        !names.contains(TAKEN) && others.is_none_or(|others| names.is_disjoint(others))
    }

    pub(super) fn fall_back(&mut self) {
        let Some(trial) = self.trial.take() else { return };
        self.count("fall-backs");
        match trial.owner {
            Owner::Operator(local) => self.local = local,
            Owner::Fleet(_, text) => self.text = text,
        }
        self.follow_drains(true);
    }

    /// A fall-back drains the forwards again that the trial removed; a reload adds them as new ones.
    pub(super) fn follow_drains(&mut self, is_fall_back: bool) {
        let configured = self.configured();
        let (back, still): (Names, Names) =
            self.removed.iter().copied().partition(|name| configured.contains(name));
        let (stay, gone): (Names, Names) =
            self.drained.iter().copied().partition(|name| configured.contains(name));
        (self.drained, self.removed) = (stay, still);
        if is_fall_back {
            self.drained.extend(back);
        }
        if self.trial.is_some() {
            self.removed.extend(gone);
        } else {
            self.removed.clear();
        }
    }

    /// The result of a reload of a file with these forwards.
    pub(super) fn expect_reload(&mut self, names: &Names) -> bool {
        if self.is_stopping || !Self::fits(names, &self.text) {
            return false;
        }
        let Some(Owner::Fleet(_, before)) = self.owner() else { return true };
        let fits = Self::fits(names, &before.clone());
        self.count(if fits {
            "reloads in a fleet's trial"
        } else {
            "reloads that the text before a trial excludes"
        });
        fits
    }

    pub(super) fn configured(&self) -> Names {
        self.local.iter().chain(self.text.iter().flat_map(|(_, names)| names)).copied().collect()
    }

    pub(super) fn listening(&self) -> Names {
        self.configured().difference(&self.drained).copied().collect()
    }

    pub(super) fn check(&self) {
        let configured = self.configured();
        let (it, seed) = (&self.it, self.seed);
        let found: BTreeSet<&str> = it.names().into_iter().collect();
        assert_eq!(found, configured, "seed {seed}");
        let view = it.supervisor.published();
        let runs = view.running.as_ref().map(|text| text.revision);
        assert_eq!(runs, self.text.as_ref().map(|(revision, _)| *revision), "seed {seed}");
        assert_eq!(view.on_trial.is_some(), self.is_of_fleet(), "seed {seed}");
        let left = it.supervisor.confirm_within();
        assert_eq!(left.is_some(), self.trial.is_some(), "seed {seed}");
        if let (Some(found), Some(Expected { left, owner }), false) =
            (left, &self.trial, self.is_stopping)
        {
            assert!(found <= *left && found + SLACK >= *left, "seed {seed}: {found:?} of {left:?}");
            let revision = it.supervisor.trials.running().and_then(Trial::revision);
            let expected = match owner {
                Owner::Operator(_) => None,
                Owner::Fleet(revision, _) => Some(*revision),
            };
            assert_eq!(revision, expected, "seed {seed}");
        }
        let listening = if self.is_stopping { Names::new() } else { self.listening() };
        for name in LOCAL.iter().chain(&PUBLISHED).chain(&[BOTH]) {
            let accepts = std::os::unix::net::UnixStream::connect(it.path(name)).is_ok();
            assert_eq!(accepts, listening.contains(name), "seed {seed}: {name}");
        }
    }
}
