//! The rule for rates: the kernel sends to each peer of a session at the rate that its forward has now.

use super::Targets;
use engine::parts::SessionAudit;
use testkit::sim::Process;

impl Targets {
    /// The connections of these sessions have the rates of the present configuration.
    pub(crate) fn check_rates<'a>(
        &self,
        process: &Process,
        sessions: impl Iterator<Item = &'a SessionAudit>,
    ) {
        for session in sessions {
            // A removed forward keeps the rules that it had, which the model may not know.
            let forward = self.forwards.get(&*session.forward).filter(|it| it.is_configured);
            let Some(forward) = forward else { continue };
            let rates = forward.plan.rates().map(|rate| rate.map(|it| u64::from(it) * 1024));
            for (socket, rate) in [session.target, Some(session.client)].into_iter().zip(rates) {
                assert!(
                    socket.is_none_or(|socket| process.has_rate(socket, rate)),
                    "{}: the rate of the socket {socket:?} is not {rate:?}, in bytes per second",
                    session.id
                );
            }
        }
    }
}
