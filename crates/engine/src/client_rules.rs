//! Which clients of a forward are counted, and under which limits.

use flow::{AccessList, ClientLimits, Prefix};
use plan::{ForwardSettings, PrefixLengths};
use std::sync::Arc;
use sys::Address;

/// How a forward counts its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientRules {
    pub(crate) limits: ClientLimits,
    prefix: PrefixLengths,
    /// Allows the clients that are not counted.
    exempt: Option<Arc<AccessList>>,
    /// The header of a proxy names the client.
    is_named_by_proxy: bool,
    /// Changes when clients are counted in another way: see
    /// [`Forward::set_rules`](crate::forward::Forward::set_rules).
    pub(crate) generation: u32,
}

/// A client, and the limits that it is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CountedClient {
    pub(crate) client: Prefix,
    pub(crate) limits: ClientLimits,
}

impl ClientRules {
    pub(crate) fn of(settings: &ForwardSettings) -> Self {
        let per_client = settings.per_client.as_ref();
        let exempt = per_client.map(|it| &it.exempt.0).filter(|list| !list.is_empty());
        Self {
            limits: ClientLimits {
                share: settings.share,
                sessions: per_client.and_then(|it| it.sessions),
                new: per_client.and_then(plan::PerClient::rate),
            },
            prefix: per_client.map_or(PrefixLengths::DEFAULT, |it| it.prefix),
            exempt: exempt.map(|list| AccessList::new(list.iter().copied(), [], false).into()),
            is_named_by_proxy: settings.accept_proxy.is_some(),
            generation: 0,
        }
    }

    /// The client with this address, as it is counted; `None` if it is not: there is no limit, it is exempt, or
    /// it comes by a Unix socket.
    pub(crate) fn client(&self, address: Address) -> Option<CountedClient> {
        self.counted(address, self.limits)
    }

    /// The client that is known right after accept(2). Until a header names the client, that is the proxy, with its
    /// share only: peers that send no header leave places to others, and a proxy has more than one client.
    pub(crate) fn client_at_accept(&self, address: Address) -> Option<CountedClient> {
        if self.is_named_by_proxy {
            let share = self.limits.share;
            return self.counted(address, ClientLimits { share, ..ClientLimits::default() });
        }
        self.client(address)
    }

    fn counted(&self, address: Address, limits: ClientLimits) -> Option<CountedClient> {
        if limits.are_off() {
            return None;
        }
        let ip = address.ip()?.ip();
        let is_exempt = self.exempt.as_ref().is_some_and(|list| list.allows(ip));
        let client = Prefix::around(ip, self.prefix.v4, self.prefix.v6);
        (!is_exempt).then_some(CountedClient { client, limits })
    }

    /// The prefix of a client in the table.
    pub(crate) fn prefix_of(&self, bits: u128) -> Prefix {
        Prefix::of_mapped_bits(bits, self.prefix.v4, self.prefix.v6)
    }

    /// Whether open sessions must be counted anew: other clients are counted, or by other prefixes.
    pub(crate) fn count_differently_from(&self, old: &Self) -> bool {
        let identity = |rules: &Self| {
            let counts_proxies = rules.is_named_by_proxy.then_some(rules.limits.share.is_some());
            (rules.limits.are_off(), rules.prefix, counts_proxies)
        };
        identity(self) != identity(old) || self.exempt != old.exempt
    }
}
