//! Limits on the clients of a forward, and how clients are distinguished.

use super::net::Net;
use flow::Share;
use std::fmt;
use std::net::IpAddr;

/// `share` and `per_client` of a forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// `share`, in thousandths; `None` is `off`.
    pub share: Option<u32>,
    /// `sessions`.
    pub sessions: Option<u16>,
    /// `new`, per second.
    pub new: Option<u16>,
    /// `burst`.
    pub burst: Option<u16>,
    /// `prefix` for IPv4.
    pub prefix: u8,
    /// `exempt` has the first client.
    pub exempt: bool,
}

impl Default for Clients {
    fn default() -> Self {
        Self { share: None, sessions: None, new: None, burst: None, prefix: 32, exempt: false }
    }
}

impl Clients {
    /// The first client of all.
    const EXEMPT: &str = "127.0.3.0";

    /// Its lines of a configuration.
    pub(super) fn toml(&self) -> String {
        let Self { share, sessions, new, burst, prefix, exempt } = self;
        let share = share.map_or("'off'".into(), |it| Share::of_thousandths(it).to_string());
        let parts = [
            sessions.map(|count| format!("sessions = {count}")),
            new.map(|count| format!("new = '{count}/s'")),
            burst.map(|count| format!("burst = {count}")),
            Some(format!("prefix = [{prefix}, 64]")),
            exempt.then(|| format!("exempt = '{}'", Self::EXEMPT)),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!("share = {share}\nper_client = {{ {} }}\n", parts.join(", "))
    }

    /// The client with this address as the engine names it, if it counts it.
    pub(crate) fn name(&self, address: IpAddr) -> Option<String> {
        let is_limited = self.share.is_some() || self.sessions.is_some() || self.new.is_some();
        let is_exempt = self.exempt && address.to_string() == Self::EXEMPT;
        let name = Net::around(address, self.prefix, 64).to_string();
        (is_limited && !is_exempt).then_some(name)
    }
}

impl fmt::Display for Clients {
    /// The values that differ from the defaults, each behind a space.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { share, sessions, new, burst, prefix, exempt } = self;
        if let Some(share) = share {
            write!(f, " share={share}")?;
        }
        if let Some(sessions) = sessions {
            write!(f, " each={sessions}")?;
        }
        if let Some(new) = new {
            write!(f, " new={new}")?;
        }
        if let Some(burst) = burst {
            write!(f, " burst={burst}")?;
        }
        if *prefix != 32 {
            write!(f, " prefix={prefix}")?;
        }
        f.write_str(if *exempt { " exempt" } else { "" })
    }
}
