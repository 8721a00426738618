//! resolv.conf(5): the name servers, the search list and the options that matter here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

/// Limits of the C library: servers, and values of options.
const MOST_SERVERS: usize = 3;
const MOST_NDOTS: u32 = 15;
const MOST_SECONDS: u32 = 30;
const MOST_ATTEMPTS: u32 = 5;
const PORT: u16 = 53;

/// Returns the number of a network interface with this name.
pub(crate) type InterfaceIndex<'a> = &'a dyn Fn(&str) -> Option<u32>;

/// How to ask the name servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResolvConf {
    /// At least one.
    pub(crate) servers: Vec<SocketAddr>,
    /// Domains that complete a relative name, without a final dot.
    pub(crate) search: Vec<String>,
    /// Number of dots from which on a name is asked as it is before the search list applies.
    pub(crate) ndots: usize,
    /// All attempts together take `timeout * attempts`.
    pub(crate) timeout: Duration,
    pub(crate) attempts: u32,
    /// Each look-up begins with another server.
    pub(crate) rotate: bool,
    /// TCP only.
    pub(crate) tcp: bool,
}

impl ResolvConf {
    /// Reads the text of the file, and the environment variables `LOCALDOMAIN` and `RES_OPTIONS`, which
    /// replace its search list and add to its options. Ignores everything that it does not understand,
    /// as the C library does.
    pub(crate) fn read(
        text: &str,
        domain: Option<&str>,
        options: Option<&str>,
        interface: InterfaceIndex<'_>,
    ) -> Self {
        let mut conf = Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            tcp: false,
        };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    conf.servers.extend(words.next().and_then(|word| server(word, interface)));
                }
                // The last of both keywords is in force.
                Some("search" | "domain") => conf.search = words.filter_map(suffix).collect(),
                Some("options") => words.for_each(|word| conf.option(word)),
                _ => {}
            }
        }
        if let Some(domain) = domain {
            conf.search = domain.split_whitespace().filter_map(suffix).collect();
        }
        options.unwrap_or_default().split_whitespace().for_each(|word| conf.option(word));
        conf.servers.truncate(MOST_SERVERS);
        if conf.servers.is_empty() {
            conf.servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        conf
    }

    fn option(&mut self, word: &str) {
        let (name, value) = word.split_once(':').unwrap_or((word, ""));
        let number = |most: u32| value.parse::<u32>().ok().map(|number| number.min(most));
        match name {
            "ndots" => self.ndots = number(MOST_NDOTS).map_or(self.ndots, |it| it as usize),
            "timeout" => {
                let seconds = number(MOST_SECONDS).map(|it| Duration::from_secs(it.max(1).into()));
                self.timeout = seconds.unwrap_or(self.timeout);
            }
            "attempts" => {
                self.attempts = number(MOST_ATTEMPTS).map_or(self.attempts, |it| it.max(1));
            }
            "rotate" => self.rotate = true,
            "use-vc" => self.tcp = true,
            _ => {}
        }
    }

    /// The names to ask for `host`, in order: it as it is, and completed by each search domain.
    pub(crate) fn candidates(&self, host: &str) -> Vec<String> {
        if let Some(absolute) = host.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let completed = self.search.iter().map(|suffix| format!("{host}.{suffix}"));
        let dots = host.bytes().filter(|byte| *byte == b'.').count();
        if dots >= self.ndots {
            std::iter::once(host.to_owned()).chain(completed).collect()
        } else {
            completed.chain(std::iter::once(host.to_owned())).collect()
        }
    }
}

/// An address, with the interface of a link-local one behind a `%`. As on OpenBSD, a port other than 53
/// may follow an address in brackets.
fn server(word: &str, interface: InterfaceIndex<'_>) -> Option<SocketAddr> {
    if let Some((address, port)) = word.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        let mut server = host_address(address, interface)?;
        server.set_port(port.parse().ok()?);
        return Some(server);
    }
    let mut server = host_address(word, interface)?;
    server.set_port(PORT);
    Some(server)
}

/// An address in a file, with port 0. An interface after `%` may be a name or a number.
pub(crate) fn host_address(word: &str, interface: InterfaceIndex<'_>) -> Option<SocketAddr> {
    let (address, zone) = word.split_once('%').map_or((word, None), |(it, zone)| (it, Some(zone)));
    match (address.parse().ok()?, zone) {
        (ip, None) => Some(SocketAddr::new(ip, 0)),
        (IpAddr::V6(ip), Some(zone)) => {
            let scope = zone.parse().ok().or_else(|| interface(zone))?;
            Some(SocketAddrV6::new(ip, 0, 0, scope).into())
        }
        (IpAddr::V4(_), Some(_)) => None,
    }
}

fn suffix(word: &str) -> Option<String> {
    let suffix = word.trim_end_matches('.');
    (!suffix.is_empty()).then(|| suffix.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ResolvConf {
        ResolvConf::read(text, None, None, &|_| None)
    }

    #[test]
    fn servers_are_read_as_the_c_library_does() {
        let conf = read(
            "# comment\nnameserver 10.0.0.1 extra\nnameserver nonsense\n; comment\n\
             nameserver ::1\nnameserver [127.0.0.1]:5353\nnameserver 10.0.0.4\nsortlist 1.2.3.4\n",
        );
        let expected = ["10.0.0.1:53", "[::1]:53", "127.0.0.1:5353"].map(|it| it.parse().unwrap());
        assert_eq!(conf.servers, expected);
        assert_eq!(read("").servers, ["127.0.0.1:53".parse().unwrap()]);
    }

    #[test]
    fn a_link_local_server_has_its_interface() {
        let text = "nameserver fe80::1%7\nnameserver fe80::1%eth1\nnameserver fe80::1%other\n";
        let number = |name: &str| (name == "eth1").then_some(8);
        let conf = ResolvConf::read(text, None, None, &number);
        let scopes = conf.servers.iter().map(|server| match server {
            SocketAddr::V6(server) => server.scope_id(),
            SocketAddr::V4(_) => 0,
        });
        assert_eq!(scopes.collect::<Vec<_>>(), [7, 8]);
    }

    #[test]
    fn options_are_bounded_and_the_environment_adds_to_them() {
        let text = "options ndots:99 timeout:0 attempts:x rotate\nsearch a.test. b.test\n";
        let conf = ResolvConf::read(text, None, Some("attempts:9 use-vc unknown"), &|_| None);
        let expected = (15, Duration::from_secs(1), 5, true, true);
        assert_eq!((conf.ndots, conf.timeout, conf.attempts, conf.rotate, conf.tcp), expected);
        assert_eq!(conf.search, ["a.test", "b.test"]);
        let with_domain = ResolvConf::read(text, Some("c.test"), None, &|_| None);
        assert_eq!(with_domain.search, ["c.test"]);
        assert_eq!(read("search a.test\ndomain b.test").search, ["b.test"]);
    }

    #[test]
    fn the_search_list_completes_relative_names() {
        let conf = read("search a.test b.test\noptions ndots:2\n");
        assert_eq!(conf.candidates("db"), ["db.a.test", "db.b.test", "db"]);
        assert_eq!(conf.candidates("db.x"), ["db.x.a.test", "db.x.b.test", "db.x"]);
        assert_eq!(conf.candidates("db.x.y"), ["db.x.y", "db.x.y.a.test", "db.x.y.b.test"]);
        assert_eq!(conf.candidates("db."), ["db"]);
    }
}
