//! Whether one client of a forward may have one more session.

use crate::close::reason::Cause;
use crate::rate::Rate;
use crate::share::{Pool, Share};
use crate::time::Time;
use std::num::NonZeroU32;

/// What one client may hold and open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientLimits {
    /// Its fair share of the forward's places.
    pub share: Option<Share>,
    /// Sessions at the same time.
    pub sessions: Option<NonZeroU32>,
    /// New sessions per time.
    pub new: Option<Rate>,
}

/// What is known of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientState {
    /// Places that it holds.
    pub places: u32,
    /// The state of [`Rate::admit`].
    pub rate: u64,
}

impl ClientState {
    /// The state with one more place, whatever the limits are.
    #[must_use]
    pub fn one_more(self) -> Self {
        Self { places: self.places.saturating_add(1), ..self }
    }
}

/// The limit by which a client gets no further session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientLimit {
    /// It has its share: so many places are free, and left to the other clients.
    Share {
        /// Free places of the forward.
        free: u32,
    },
    /// It has as many sessions as `per_client` allows.
    Sessions(NonZeroU32),
    /// It opens them faster than `per_client` allows.
    Rate,
}

impl ClientLimit {
    /// The cause in a close reason.
    pub fn cause(self) -> Cause {
        match self {
            Self::Share { .. } | Self::Sessions(_) => Cause::ClientLimit,
            Self::Rate => Cause::RateLimit,
        }
    }
}

impl ClientLimits {
    /// Whether there is no limit, and so nothing to count.
    pub fn are_off(&self) -> bool {
        *self == Self::default()
    }

    /// Counts one more session of a client, if its limits allow that. `pool` holds the places that the clients
    /// share, without this session. A full pool is no limit of the client.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn admit(
        &self,
        client: ClientState,
        pool: Pool,
        now: Time,
    ) -> Result<ClientState, ClientLimit> {
        if let Some(limit) = self.sessions
            && client.places >= limit.get()
        {
            return Err(ClientLimit::Sessions(limit));
        }
        self.share_of(client.places, pool)?;
        let rate = match self.new {
            Some(new) => new.admit(client.rate, now).ok_or(ClientLimit::Rate)?,
            None => client.rate,
        };
        Ok(ClientState { rate, ..client.one_more() })
    }

    /// Whether a client with so many places may take another one by its share.
    ///
    /// # Errors
    /// [`ClientLimit::Share`] if it may not, and the pool has free places.
    pub fn share_of(&self, places: u32, pool: Pool) -> Result<(), ClientLimit> {
        let free = pool.free();
        match self.share {
            Some(share) if free > 0 && pool.room(share, places) == 0 => {
                Err(ClientLimit::Share { free })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const POOL: Pool = Pool { limit: 100, taken: 50 };

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn each_limit_refuses_and_a_full_pool_does_not() {
        let client = |places| ClientState { places, rate: 0 };
        let sessions = NonZeroU32::new(3);
        let limits = ClientLimits { sessions, ..ClientLimits::default() };
        assert_eq!(limits.admit(client(2), POOL, at(1)), Ok(client(3)));
        assert_eq!(limits.admit(client(3), POOL, at(1)).unwrap_err().cause(), Cause::ClientLimit);
        let share = Some(Share::of_thousandths(500));
        let limits = ClientLimits { share, ..ClientLimits::default() };
        assert_eq!(limits.admit(client(24), POOL, at(1)), Ok(client(25)));
        let refused = limits.admit(client(25), POOL, at(1));
        assert_eq!(refused, Err(ClientLimit::Share { free: 50 }));
        let full = Pool { limit: 100, taken: 100 };
        assert_eq!(limits.admit(client(25), full, at(1)), Ok(client(26)), "for the limit itself");
        assert!(ClientLimits::default().are_off() && !limits.are_off());
    }

    #[test]
    fn a_client_is_refused_until_its_rate_allows_another_session() {
        let new = Rate::new(1, Duration::from_secs(10), NonZeroU32::MIN);
        let limits = ClientLimits { new: Some(new), ..ClientLimits::default() };
        let one = limits.admit(ClientState::default(), POOL, at(5)).unwrap();
        assert_eq!(limits.admit(one, POOL, at(6)), Err(ClientLimit::Rate));
        assert_eq!(limits.admit(one, POOL, at(15)).unwrap().places, 2);
    }
}
