//! The begin of a trial of the fleet, saved as a message and read from it.

use crate::supervisor::reload::TrialBegin;
use fleet::{Connects, TrialConnects};

pub(super) fn saved(begin: &TrialBegin) -> handover::TrialBegin {
    let TrialBegin { connects, all, lost_listeners } = begin;
    let connects_of =
        |it: &Connects| Some(handover::Connects { tried: it.tried, failed: it.failed });
    let of_forward = |(name, it): (&String, &Connects)| handover::ForwardConnects {
        name: name.clone(),
        connects: connects_of(it),
        older: connects.older.get(name).and_then(connects_of),
    };
    handover::TrialBegin {
        forwards: connects.begin.iter().map(of_forward).collect(),
        before: connects_of(&connects.before),
        all: connects_of(all),
        lost_listeners: lost_listeners.clone(),
    }
}

pub(super) fn read(saved: &handover::TrialBegin) -> TrialBegin {
    let connects = |it: Option<handover::Connects>| {
        it.map(|it| Connects { tried: it.tried, failed: it.failed }).unwrap_or_default()
    };
    let begin = saved.forwards.iter().map(|it| (it.name.clone(), connects(it.connects))).collect();
    let older = saved.forwards.iter().filter_map(|it| Some((&it.name, it.older?)));
    let older = older.map(|(name, it)| (name.clone(), connects(Some(it)))).collect();
    TrialBegin {
        connects: TrialConnects { begin, older, before: connects(saved.before) },
        all: connects(saved.all),
        lost_listeners: saved.lost_listeners.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_begin_of_a_trial_survives_a_handover() {
        let connects = |tried, failed| Connects { tried, failed };
        let begin = [("a".to_owned(), connects(7, 1)), ("b".to_owned(), connects(0, 0))];
        let older = [("a".to_owned(), connects(3, 1))].into();
        let begin = TrialBegin {
            connects: TrialConnects { begin: begin.into(), older, before: connects(5, 2) },
            all: connects(u64::MAX, 9),
            lost_listeners: vec!["forward c cannot be bound".to_owned()],
        };
        assert_eq!(read(&saved(&begin)), begin);
    }
}
