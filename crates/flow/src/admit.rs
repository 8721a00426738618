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

/// Decides by the two limits. `at_limit` of the forward also applies while the process is full: the
/// two cases look alike to a client.
pub fn admit(occupancy: Occupancy, at_limit: AtLimit) -> Admission {
    match (occupancy.forward_has_room && occupancy.process_has_room, at_limit) {
        (true, _) => Admission::Admit,
        (false, AtLimit::Refuse) => Admission::Refuse,
        (false, AtLimit::Wait) => Admission::Wait,
    }
}
