//! The targets of a forward, and how a session gets one.

use super::addresses::{
    EPHEMERAL_PORTS, FIRST_LISTEN_PORT, FIRST_TARGET_PORT, host_address, host_path,
};
use super::header_word::send_word;
use flow::{Balance, NoneUp, Passive, SendProxy};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

const NOWHERE_STEP: u16 = 30;

/// One target of a forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its address.
    pub to: To,
    /// `weight`; at least 1.
    pub weight: u8,
    /// `backup`.
    pub backup: bool,
    /// `max_sessions`; `None` without a limit.
    pub sessions: Option<u8>,
    /// `send_proxy`; `None` as its forward.
    pub send: Option<SendProxy>,
}

/// The address of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The TCP address of a host.
    Host(u8),
    /// The Unix socket of a host.
    Unix(u8),
    /// A name, resolved for each session.
    Name(u8),
    /// A name that leads to a listen port of this process, by IPv4.
    Own(u8),
    /// A port for outgoing connections, at which nothing listens: a socket may be connected to itself.
    Nowhere(u8),
}

/// How a forward chooses among its targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// `balance`.
    pub balance: Balance,
    /// `passive`; `None` is `off`.
    pub passive: Option<Passive>,
    /// `none_up`.
    pub none_up: NoneUp,
}

impl Default for Selection {
    fn default() -> Self {
        let passive = Passive {
            failures: 3,
            down: Duration::from_secs(5),
            down_max: Duration::from_secs(60),
        };
        Self { balance: Balance::Least, passive: Some(passive), none_up: NoneUp::Try }
    }
}

impl From<To> for Target {
    fn from(to: To) -> Self {
        Self { to, weight: 1, backup: false, sessions: None, send: None }
    }
}

impl To {
    /// As a configuration names it.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Host(host) => host_address(host).to_string(),
            Self::Unix(host) => format!("unix:{}", host_path(host).display()),
            Self::Name(name) => format!("name-{name}.example:{FIRST_TARGET_PORT}"),
            Self::Nowhere(number) => {
                let port = EPHEMERAL_PORTS.start() + NOWHERE_STEP * u16::from(number);
                SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port).to_string()
            }
            Self::Own(number) => {
                format!("own.example:{}", FIRST_LISTEN_PORT + u16::from(number))
            }
        }
    }
}

impl Target {
    fn toml(self) -> String {
        let mut text = format!("{{ address = '{}', weight = {}", self.to.text(), self.weight);
        if let Some(sessions) = self.sessions {
            let _ = write!(text, ", max_sessions = {sessions}");
        }
        if let Some(header) = self.send {
            let _ = write!(text, ", send_proxy = '{}'", send_word(header));
        }
        text += if self.backup { ", backup = true }" } else { " }" };
        text
    }
}

/// The value of `to`.
pub(super) fn toml(targets: &[Target]) -> String {
    match targets {
        [target] if *target == Target::from(target.to) => format!("'{}'", target.to.text()),
        targets => {
            let targets: Vec<String> = targets.iter().copied().map(Target::toml).collect();
            format!("[{}]", targets.join(", "))
        }
    }
}

impl Selection {
    /// Its lines of a configuration.
    pub(super) fn toml(&self) -> String {
        let Self { balance, passive, none_up } = self;
        let passive = passive.map_or("'off'".into(), |Passive { failures, down, down_max }| {
            let [down, most] = [down, down_max].map(|span| span.as_millis());
            format!("{{ failures = {failures}, down = '{down}ms', down_max = '{most}ms' }}")
        });
        format!(
            "balance = '{}'\npassive = {passive}\nnone_up = '{}'\n",
            balance_word(*balance),
            if *none_up == NoneUp::Try { "try" } else { "refuse" },
        )
    }
}

/// A balance as the configuration and scripts name it.
pub(super) fn balance_word(balance: Balance) -> &'static str {
    match balance {
        Balance::Least => "least",
        Balance::RoundRobin => "round_robin",
        Balance::Source => "source",
        Balance::First => "first",
    }
}
