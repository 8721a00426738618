//! A script as text: one event per line, in words, with times in milliseconds. `parse` reads it.
//!
//! ```text
//! seed 42 workers 2
//! start f0 any:2 t0 | f1 four:3 n1,t2:weight=3,u1:backup:max=2 balance=source max=1 wait
//! 7 connects four:2 header=v2:3:fine:0
//! 7 client sends 1000
//! 7 target closes
//! reload f0 any:2 t1
//! pass 1500
//! ```

use super::Script;
use super::configuration::{Configuration, Endpoint, Forward, Limits, path_word};
use super::event::{Act, Command, Event, Resolver};
use super::header_word::send_word;
use super::opening::{Header, Hello, Opening};
use super::targets::{Selection, Target, To, balance_word};
use super::words::{ACTS, ADDRESS_KINDS, COMMANDS, FLAWS, FORMS, HOSTS, SEVERITIES, word};
use flow::{NoneUp, Passive, Peer};
use std::fmt;
use std::time::Duration;

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} workers {}", self.seed, self.workers)?;
        writeln!(f, "start {}", self.start)?;
        self.events.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(session, endpoint, opening) => {
                write!(f, "{session} connects {endpoint}{opening}")
            }
            Self::Act(session, peer, act) => {
                let peer = if *peer == Peer::Client { "client" } else { "target" };
                write!(f, "{session} {peer} {act}")
            }
            Self::Target(host, state) => write!(f, "target {host} {}", word(&HOSTS, state)),
            Self::Operate(command) => command.fmt(f),
            Self::Conditions(severity) => write!(f, "conditions {}", word(&SEVERITIES, severity)),
            Self::Files(None) => f.write_str("files off"),
            Self::Files(Some(count)) => write!(f, "files {count}"),
            Self::Resolver(Resolver::Prompt) => f.write_str("resolver prompt"),
            Self::Resolver(Resolver::Late(span)) => write!(f, "resolver late {}", span.as_millis()),
            Self::Resolver(Resolver::Empty) => f.write_str("resolver empty"),
            Self::Resolver(Resolver::TimesOut) => f.write_str("resolver times-out"),
            Self::Resolver(Resolver::NoAnswer) => f.write_str("resolver no-answer"),
            Self::Pass(span) => write!(f, "pass {}", span.as_millis()),
            Self::Settle => f.write_str("settle"),
        }
    }
}

impl fmt::Display for Opening {
    /// Each part behind a space.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Header { form, client, flaw, extra }) = self.header {
            let (form, flaw) = (word(&FORMS, &form), word(&FLAWS, &flaw));
            write!(f, " header={form}:{client}:{flaw}:{extra}")?;
        }
        if let Some(Hello { name, protocol, padding, records }) = self.hello {
            let [name, protocol] =
                [name, protocol].map(|it| it.map_or_else(|| "-".into(), |it| it.to_string()));
            write!(f, " hello={name}:{protocol}:{padding}:{records}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(count) => write!(f, "sends {count}"),
            Self::Read(count) => write!(f, "reads {count}"),
            act => f.write_str(word(&ACTS, act)),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reload(configuration) => write!(f, "reload {configuration}"),
            Self::Try(configuration) => write!(f, "try {configuration}"),
            Self::Drain(forward) => write!(f, "drain f{forward}"),
            Self::Resume(forward) => write!(f, "resume f{forward}"),
            Self::MaxSessions(count) => write!(f, "max {count}"),
            Self::Kill(session) => write!(f, "kill {session}"),
            Self::Tidy(limit) => write!(f, "tidy {}", Off(*limit)),
            command => f.write_str(word(&COMMANDS, command)),
        }
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, forward) in self.0.iter().enumerate() {
            let separator = if position > 0 { " | " } else { "" };
            write!(f, "{separator}{forward}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f{}", self.name)?;
        self.listen.iter().try_for_each(|endpoint| write!(f, " {endpoint}"))?;
        if self.to.is_empty() {
            f.write_str(" -")?;
        }
        for (position, target) in self.to.iter().enumerate() {
            write!(f, "{}{target}", if position > 0 { "," } else { " " })?;
        }
        write!(f, "{}{}{}{}", self.selection, self.limits, self.clients, self.admission)
    }
}

impl fmt::Display for Target {
    /// The options that differ from the defaults, each behind a colon.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { to, weight, backup, sessions, send } = self;
        to.fmt(f)?;
        if *weight != 1 {
            write!(f, ":weight={weight}")?;
        }
        if let Some(sessions) = sessions {
            write!(f, ":max={sessions}")?;
        }
        if let Some(header) = send {
            write!(f, ":send={}", send_word(*header))?;
        }
        f.write_str(if *backup { ":backup" } else { "" })
    }
}

impl fmt::Display for Selection {
    /// The values that differ from the defaults, each behind a space.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Self::default();
        if self.balance != default.balance {
            write!(f, " balance={}", balance_word(self.balance))?;
        }
        match self.passive {
            passive if passive == default.passive => {}
            None => f.write_str(" passive=off")?,
            Some(Passive { failures, down, down_max }) => {
                let [down, most] = [down, down_max].map(|span| span.as_millis());
                write!(f, " passive={failures}/{down}/{most}")?;
            }
        }
        f.write_str(if self.none_up == NoneUp::Refuse { " none-up=refuse" } else { "" })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", word(&ADDRESS_KINDS, &self.kind), self.number)
    }
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(number) => write!(f, "t{number}"),
            Self::Unix(number) => write!(f, "u{number}"),
            Self::Name(number) => write!(f, "n{number}"),
            Self::Own(number) => write!(f, "own{number}"),
            Self::Nowhere(number) => write!(f, "nowhere{number}"),
        }
    }
}

impl fmt::Display for Limits {
    /// The values that differ from the defaults, each behind a space.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Self::default();
        if self.sessions != default.sessions {
            write!(f, " max={}", self.sessions)?;
        }
        for (is_set, flag) in [(self.wait, "wait"), (self.fin, "fin")] {
            f.write_str(if is_set { " " } else { "" })?;
            f.write_str(if is_set { flag } else { "" })?;
        }
        if self.path != default.path {
            write!(f, " path={}", path_word(self.path))?;
        }
        for (key, limit, default) in [
            ("connect", Some(self.connect), Some(default.connect)),
            ("idle", self.idle, default.idle),
            ("half", self.half, default.half),
            ("age", self.age, default.age),
            ("stall", self.stall, default.stall),
            ("keepalive", self.keepalive, default.keepalive),
            ("user", self.user, default.user),
        ] {
            if limit != default {
                write!(f, " {key}={}", Off(limit))?;
            }
        }
        for (key, rate) in ["up", "down"].iter().zip(self.rates) {
            if let Some(rate) = rate {
                write!(f, " {key}={rate}")?;
            }
        }
        Ok(())
    }
}

/// A span, or `off`.
struct Off(Option<Duration>);

impl fmt::Display for Off {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(span) => write!(f, "{}", span.as_millis()),
            None => f.write_str("off"),
        }
    }
}
