//! The most frequent clients of a stream, in a few counters.

use flow::Prefix;

/// Counters. A client with more than one in eight of all occurrences always has one.
const COUNTERS: usize = 8;

/// Counts the most frequent clients: the algorithm Space-Saving (Metwally, Agrawal, El Abbadi 2005).
#[derive(Default)]
pub(crate) struct TopClients(Vec<(Prefix, u64)>);

impl TopClients {
    /// Counts a client. True if none is more frequent now.
    pub(crate) fn count(&mut self, client: Prefix) -> bool {
        let position = self.0.iter().position(|(known, _)| *known == client);
        let position = position.unwrap_or_else(|| self.place_for(client));
        let Some((_, count)) = self.0.get_mut(position) else { return false };
        *count += 1;
        let count = *count;
        self.0.iter().all(|(_, other)| *other <= count)
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// A new counter, or that of the rarest client, which keeps its count.
    fn place_for(&mut self, client: Prefix) -> usize {
        if self.0.len() < COUNTERS {
            self.0.push((client, 0));
            return self.0.len() - 1;
        }
        let rarest = self.0.iter().enumerate().min_by_key(|(_, (_, count))| *count);
        let position = rarest.map_or(0, |(position, _)| position);
        self.0[position].0 = client;
        position
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn client(number: u32) -> Prefix {
        Prefix::around(Ipv4Addr::from_bits(number).into(), 32, 128)
    }

    #[test]
    fn the_most_frequent_client_is_found_among_many() {
        let mut clients = TopClients::default();
        assert!(clients.count(client(1)), "the first one");
        assert!(clients.count(client(2)), "as frequent");
        assert!(clients.count(client(2)));
        assert!(!clients.count(client(3)));
        clients.clear();
        // Every fourth is client 7, and all others differ.
        let mut number = 100;
        let is_top = (0..4000).map(|turn| {
            number += 1;
            let client = client(if turn % 4 == 0 { 7 } else { number });
            (clients.count(client), turn % 4 == 0)
        });
        let late: Vec<_> = is_top.skip(2000).collect();
        assert!(late.iter().all(|(is_top, is_frequent)| is_top == is_frequent));
        assert_eq!(clients.0.len(), COUNTERS);
    }
}
