//! Whether an accepted connection becomes a session.

/// The response to a connection that arrives while a limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtLimit {
    /// Accept it and reset it at once, so that the client sees the refusal.
    Refuse,
    /// Leave it in the kernel's accept queue until a session ends.
    Wait,
}

/// Room under the limits before this session is counted.
#[derive(Clone, Copy, Debug)]
pub struct Occupancy {
    /// The targets have a place for one more session ([`has_place`](crate::has_place)). Checked only where
    /// clients may wait; else true: the selection refuses the client, with a record.
    pub targets_have_room: bool,
    /// The forward has room for one more session.
    pub forward_has_room: bool,
    /// The process has room for one more session.
    pub process_has_room: bool,
}

/// The decision about a connection in the accept queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Accept it and serve it.
    Admit,
    /// Accept it and reset it.
    Refuse,
    /// Leave it in the queue.
    Wait,
}

/// Decides by the limits. `at_limit` of the forward also applies while the process or the targets are
/// full: the cases look alike to a client.
pub fn admit(occupancy: Occupancy, at_limit: AtLimit) -> Admission {
    let Occupancy { targets_have_room, forward_has_room, process_has_room } = occupancy;
    match (targets_have_room && forward_has_room && process_has_room, at_limit) {
        (true, _) => Admission::Admit,
        (false, AtLimit::Refuse) => Admission::Refuse,
        (false, AtLimit::Wait) => Admission::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_makes_a_client_wait_or_be_refused() {
        for full in 0..8 {
            let occupancy = Occupancy {
                targets_have_room: full & 1 == 0,
                forward_has_room: full & 2 == 0,
                process_has_room: full & 4 == 0,
            };
            let [wait, refuse] = [AtLimit::Wait, AtLimit::Refuse].map(|it| admit(occupancy, it));
            let expected = if full == 0 {
                [Admission::Admit; 2]
            } else {
                [Admission::Wait, Admission::Refuse]
            };
            assert_eq!([wait, refuse], expected, "{occupancy:?}");
        }
    }
}
