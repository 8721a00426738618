//! May a connection that was just accepted become a session?

/// What happens to a connection that arrives when a limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtLimit {
    /// Accept it and reset it at once, so that the client knows.
    Refuse,
    /// Leave it in the kernel's queue until a session ends.
    Wait,
}

/// How full a forward and the process are, this session not counted.
#[derive(Clone, Copy, Debug)]
pub struct Occupancy {
    /// The forward has room for one more session.
    pub forward_has_room: bool,
    /// The process has room for one more session.
    pub process_has_room: bool,
}

/// What to do with a connection that waits to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Accept it and serve it.
    Admit,
    /// Accept it and reset it.
    Refuse,
    /// Do not accept it now.
    Wait,
}

/// Decides from the two limits. The forward's choice for a full forward holds for a full process
/// too: a client cannot tell the two apart, and should not have to.
pub fn admit(occupancy: Occupancy, at_limit: AtLimit) -> Admission {
    match (occupancy.forward_has_room && occupancy.process_has_room, at_limit) {
        (true, _) => Admission::Admit,
        (false, AtLimit::Refuse) => Admission::Refuse,
        (false, AtLimit::Wait) => Admission::Wait,
    }
}
