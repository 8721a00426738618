//! hosts(5): names that need no name server.

use super::resolv_conf::{InterfaceIndex, host_address};
use std::collections::HashMap;
use std::net::SocketAddr;

/// The names of the file, in lower case, with their distinct addresses in the order of the lines. Ports
/// are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts(HashMap<String, Vec<SocketAddr>>);

impl Hosts {
    /// Reads the text of the file. Ignores lines that it does not understand.
    pub(crate) fn read(text: &str, interface: InterfaceIndex<'_>) -> Self {
        let mut names: HashMap<String, Vec<SocketAddr>> = HashMap::new();
        for line in text.lines() {
            let line = line.split_once('#').map_or(line, |(before, _)| before);
            let mut words = line.split_whitespace();
            let Some(address) = words.next().and_then(|word| host_address(word, interface)) else {
                continue;
            };
            for name in words {
                let addresses = names.entry(key(name)).or_default();
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        Self(names)
    }

    /// The addresses of `host`; empty if the file does not have it.
    pub(crate) fn find(&self, host: &str) -> &[SocketAddr] {
        self.0.get(&key(host)).map_or(&[], Vec::as_slice)
    }
}

fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_name_adds_its_address() {
        let text = "127.0.0.1 localhost\n::1\tlocalhost ip6-localhost # loopback\n\n# 10.0.0.9 db\n\
            10.0.0.1 DB.test db\n10.0.0.2 db\n10.0.0.1 db\nfe80::1%3 near\nnonsense db\n";
        let hosts = Hosts::read(text, &|_| None);
        let found = |host| hosts.find(host).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found("localhost"), ["127.0.0.1:0", "[::1]:0"]);
        assert_eq!(found("db"), ["10.0.0.1:0", "10.0.0.2:0"]);
        assert_eq!(found("db.TEST."), ["10.0.0.1:0"]);
        assert_eq!(found("near"), ["[fe80::1%3]:0"]);
        assert_eq!(found("other"), [""; 0]);
    }
}
