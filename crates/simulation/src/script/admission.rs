//! Whom a forward serves, what its clients must send first, and what its targets get first.

use super::header_word::{read_send, send_word};
use super::net::Net;
use super::targets::{self, Target};
use flow::SendProxy;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::time::Duration;

/// Lists, headers and routes of a forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// `allow`.
    pub allow: Vec<Net>,
    /// `deny`.
    pub deny: Vec<Net>,
    /// `accept_proxy`.
    pub accept_proxy: Option<AcceptProxy>,
    /// `send_proxy`.
    pub send_proxy: SendProxy,
    /// `route`.
    pub routes: Vec<HelloRoute>,
    /// `hello_timeout`.
    pub hello: Duration,
}

/// `accept_proxy` of a forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptProxy {
    /// The trusted peers with addresses.
    pub from: Vec<Net>,
    /// Clients of Unix listeners are trusted.
    pub unix: bool,
    /// How long a header may take.
    pub timeout: Duration,
}

/// A route of a forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloRoute {
    /// The number of its rule, in [`RULES`].
    pub rule: u8,
    /// Its targets; at least one.
    pub to: Vec<Target>,
}

/// Names that clients ask for.
pub(crate) const NAMES_ASKED: [&str; 7] =
    ["a.test", "A.Test", "x.b.test", "y.b.test", "z.x.b.test", "b.test", "c.test"];
/// Protocols that clients offer.
pub(crate) const PROTOCOLS: [&str; 3] = ["h2", "pg", "other"];
/// The rules of all routes: name and protocol. None is hidden by those before it.
pub(crate) const RULES: [(Option<&str>, Option<&str>); 7] = [
    (Some("x.b.test"), None),
    (Some("*.b.test"), Some("h2")),
    (Some("a.test"), Some("h2")),
    (None, Some("pg")),
    (Some("*.b.test"), None),
    (Some("a.test"), None),
    (None, Some("h2")),
];

impl Default for Admission {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            deny: Vec::new(),
            accept_proxy: None,
            send_proxy: SendProxy::Off,
            routes: Vec::new(),
            hello: Duration::from_secs(5),
        }
    }
}

impl super::Forward {
    /// Whether its sessions pass on all bytes of their clients, and no others.
    pub(crate) fn keeps_streams(&self) -> bool {
        let admission = &self.admission;
        let mut own = self.to.iter().chain(admission.routes.iter().flat_map(|it| &it.to));
        admission.accept_proxy.is_none()
            && admission.send_proxy == SendProxy::Off
            && own.all(|target| matches!(target.send, None | Some(SendProxy::Off)))
    }

    /// Whether it has a route with this rule.
    pub(crate) fn has_rule(&self, rule: Option<u8>) -> bool {
        self.admission.routes.iter().any(|route| Some(route.rule) == rule)
    }
}

/// Whether the rule of a route takes a client with this name and protocol.
fn takes(rule: u8, name: Option<&str>, protocol: Option<&str>) -> bool {
    let (asked, offered) = RULES[usize::from(rule)];
    let is_named = |pattern: &str| {
        name.map(str::to_lowercase).is_some_and(|name| match pattern.strip_prefix("*.") {
            Some(domain) => name.split_once('.').is_some_and(|(_, rest)| rest == domain),
            None => name == pattern,
        })
    };
    asked.is_none_or(is_named) && offered.is_none_or(|it| protocol == Some(it))
}

impl Admission {
    /// Whether the lists allow the client with this address; `None` is one of a Unix socket.
    pub(crate) fn allows(&self, client: Option<IpAddr>) -> bool {
        let Some(client) = client else { return true };
        let longest = |list: &[Net]| {
            let all = list.iter().filter(|net| net.contains(client));
            all.map(|net| net.length()).max()
        };
        match (longest(&self.allow), longest(&self.deny)) {
            (None, None) => self.allow.is_empty(),
            (allowed, denied) => allowed > denied,
        }
    }

    /// Whether a connection from this address is served, as far as the address decides.
    pub(crate) fn admits(&self, peer: Option<IpAddr>) -> bool {
        match (&self.accept_proxy, peer) {
            (None, peer) => self.allows(peer),
            (Some(proxies), None) => proxies.unix,
            (Some(proxies), Some(peer)) => proxies.from.iter().any(|net| net.contains(peer)),
        }
    }

    /// The rule of the first route for a client with this name and protocol.
    pub(crate) fn route(&self, name: Option<&str>, protocol: Option<&str>) -> Option<u8> {
        let mut rules = self.routes.iter().map(|route| route.rule);
        rules.find(|rule| takes(*rule, name, protocol))
    }

    /// Its lines of a configuration.
    pub(super) fn toml(&self) -> String {
        let Self { allow, deny, accept_proxy, send_proxy, routes, hello } = self;
        let mut text = String::new();
        let list = |nets: &[Net]| {
            let nets: Vec<String> = nets.iter().map(|net| format!("'{net}'")).collect();
            nets.join(", ")
        };
        let _ = write!(text, "allow = [{}]\ndeny = [{}]\n", list(allow), list(deny));
        if let Some(AcceptProxy { from, unix, timeout }) = accept_proxy {
            let unix = if *unix { "'unix', " } else { "" };
            let (from, timeout) = (list(from), timeout.as_millis());
            let _ = writeln!(
                text,
                "accept_proxy = {{ from = [{unix}{from}], timeout = '{timeout}ms' }}"
            );
        }
        let _ = writeln!(text, "send_proxy = '{}'", send_word(*send_proxy));
        if !routes.is_empty() {
            let routes: Vec<String> = routes.iter().map(HelloRoute::toml).collect();
            let _ = writeln!(text, "hello_timeout = '{}ms'", hello.as_millis());
            let _ = writeln!(text, "route = [{}]", routes.join(", "));
        }
        text
    }
}

impl HelloRoute {
    fn toml(&self) -> String {
        let (name, protocol) = RULES[usize::from(self.rule)];
        let part = |key, value: Option<&str>| {
            value.map_or(String::new(), |it| format!("{key} = '{it}', "))
        };
        format!(
            "{{ {}{}to = {} }}",
            part("sni", name),
            part("alpn", protocol),
            targets::toml(&self.to)
        )
    }
}

impl fmt::Display for Admission {
    /// The values that differ from the defaults, each behind a space.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Self::default();
        let list = |nets: &[Net]| {
            let nets: Vec<String> = nets.iter().map(ToString::to_string).collect();
            nets.join(",")
        };
        for (key, nets) in [("allow", &self.allow), ("deny", &self.deny)] {
            if !nets.is_empty() {
                write!(f, " {key}={}", list(nets))?;
            }
        }
        if let Some(AcceptProxy { from, unix, timeout }) = &self.accept_proxy {
            let from = list(from);
            let unix = if *unix { "+unix" } else { "" };
            write!(f, " accept={from}{unix} header={}", timeout.as_millis())?;
        }
        if self.send_proxy != default.send_proxy {
            write!(f, " send={}", send_word(self.send_proxy))?;
        }
        for HelloRoute { rule, to } in &self.routes {
            let to: Vec<String> = to.iter().map(ToString::to_string).collect();
            write!(f, " route={rule}>{}", to.join(","))?;
        }
        if self.hello != default.hello {
            write!(f, " hello={}", self.hello.as_millis())?;
        }
        Ok(())
    }
}

impl Admission {
    /// Reads one of its words.
    pub(super) fn read(
        &mut self,
        word: &str,
        target: impl Fn(&str) -> Option<Target>,
    ) -> Option<()> {
        let (key, text) = word.split_once('=')?;
        let nets = |text: &str| text.split(',').map(|net| net.parse().ok()).collect::<Option<_>>();
        let span = |text: &str| text.parse().ok().map(Duration::from_millis);
        match key {
            "allow" => self.allow = nets(text)?,
            "deny" => self.deny = nets(text)?,
            "accept" => {
                let (from, unix) =
                    text.strip_suffix("+unix").map_or((text, false), |it| (it, true));
                let timeout = Duration::from_secs(3);
                self.accept_proxy = Some(AcceptProxy { from: nets(from)?, unix, timeout });
            }
            "header" => self.accept_proxy.as_mut()?.timeout = span(text)?,
            "send" => self.send_proxy = read_send(text)?,
            "route" => {
                let (rule, to) = text.split_once('>')?;
                let to = to.split(',').map(target).collect::<Option<_>>()?;
                self.routes.push(HelloRoute { rule: rule.parse().ok()?, to });
            }
            "hello" => self.hello = span(text)?,
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_route_that_takes_a_client_is_its_own() {
        let route = |rule| HelloRoute { rule, to: Vec::new() };
        let admission =
            Admission { routes: [0, 1, 4, 6].map(route).to_vec(), ..Admission::default() };
        for (name, protocol, rule) in [
            (Some("x.b.test"), Some("h2"), Some(0)),
            (Some("y.b.test"), Some("h2"), Some(1)),
            (Some("Y.b.test"), Some("pg"), Some(4)),
            (Some("z.x.b.test"), Some("h2"), Some(6)),
            (Some("b.test"), None, None),
            (None, None, None),
        ] {
            assert_eq!(admission.route(name, protocol), rule, "{name:?} {protocol:?}");
        }
    }

    #[test]
    fn the_longest_prefix_decides_and_a_tie_is_deny() {
        let nets =
            |texts: &[&str]| texts.iter().map(|it| it.parse().unwrap()).collect::<Vec<Net>>();
        let admission = Admission {
            allow: nets(&["10.9.0.0/16", "10.9.7.1"]),
            deny: nets(&["10.9.7.0/24", "10.9.0.0/16"]),
            ..Admission::default()
        };
        let allows = |text: &str| admission.allows(Some(text.parse().unwrap()));
        assert_eq!(
            ["10.9.7.1", "10.9.7.2", "10.9.0.1", "::1"].map(allows),
            [true, false, false, false]
        );
        assert!(admission.allows(None));
    }
}
