//! The settings of a forward for its sessions, which a reload changes for open ones, too.

use crate::client_rules::ClientRules;
use flow::{
    AccessList, Active, AtLimit, Balance, NoneUp, OnDown, Outbound, Pacing, Passive, PathChoice,
    SendProxy, Timeouts,
};
use plan::{AcceptProxy, AccessLists};
use std::sync::Arc;
use std::time::Duration;
use sys::listen::ListenOptions;
use sys::socket::TcpOptions;

/// A forward's rules for its sessions. Immutable: a reload replaces the whole value
/// ([`Forward::set_rules`](crate::forward::Forward::set_rules)).
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) timeouts: Timeouts,
    pub(crate) path: PathChoice,
    pub(crate) at_limit: AtLimit,
    pub(crate) on_refusal: plan::OnRefusal,
    pub(crate) balance: Balance,
    pub(crate) none_up: NoneUp,
    pub(crate) passive: Option<Passive>,
    pub(crate) active: Option<Active>,
    pub(crate) on_down: OnDown,
    pub(crate) slow_start: Option<Duration>,
    pub(crate) accept_proxy: Option<AcceptProxy>,
    /// How long a ClientHello may take to arrive, where a route depends on it.
    pub(crate) hello_timeout: Duration,
    /// For targets without a setting of their own.
    pub(crate) send_proxy: SendProxy,
    /// For targets without a setting of their own.
    pub(crate) pass_tlvs: bool,
    /// The TLVs of a client's header are passed on to one of the targets.
    pub(crate) keeps_tlvs: bool,
    pub(crate) options: TcpOptions,
    /// Rates of both sockets, from the first byte on.
    pub(crate) pacing: Pacing,
    /// `None` leaves all to the kernel.
    pub(crate) outbound: Option<Arc<Outbound>>,
    /// The clients that are served; `None` serves all.
    pub(crate) access: Option<Arc<AccessList>>,
    /// What `access` is made of, for reports.
    pub(crate) lists: AccessLists,
    /// How its clients are counted and limited.
    pub(crate) clients: ClientRules,
}

impl Rules {
    /// Derives the rules from a configured forward.
    pub(crate) fn of(forward: &plan::Forward) -> Self {
        let settings = &forward.settings;
        Self {
            timeouts: Timeouts {
                connect: settings.connect_timeout,
                idle: settings.idle_timeout,
                half_close: settings.half_close_timeout,
                max_age: settings.max_age,
                stall: settings.stall_timeout,
            },
            path: settings.path,
            at_limit: settings.at_limit,
            on_refusal: settings.on_refusal,
            balance: settings.balance,
            none_up: settings.when_none_up(),
            passive: settings.passive,
            active: settings.check.as_ref().map(active),
            on_down: settings.when_down(),
            slow_start: settings.slow_start,
            accept_proxy: settings.accept_proxy.clone(),
            hello_timeout: settings.hello_timeout,
            send_proxy: settings.send_proxy,
            pass_tlvs: settings.pass_tlvs,
            keeps_tlvs: forward.passes_tlvs(),
            options: options_of(forward),
            pacing: settings.pacing(),
            outbound: Some(settings.outbound()).filter(|it| !it.is_nothing()).map(Arc::new),
            access: forward.access.clone(),
            lists: settings.access_lists(),
            clients: ClientRules::of(settings),
        }
    }

    /// Whether a deadline of a session may be earlier under these rules than under `old`. If so, the
    /// timers of open sessions must be set again.
    pub(crate) fn are_stricter_than(&self, old: &Self) -> bool {
        let limits = |rules: &Self| {
            let Timeouts { connect: _, idle, half_close, max_age, stall } = rules.timeouts;
            [idle, half_close, max_age, stall].map(|limit| limit.unwrap_or(Duration::MAX))
        };
        let shorter = limits(self).into_iter().zip(limits(old)).any(|(new, old)| new < old);
        shorter || self.options != old.options
    }
}

/// How the results of a check decide.
fn active(check: &plan::HealthCheck) -> Active {
    let plan::HealthCheck { every, fall, rise, .. } = *check;
    Active { every, fall, rise, is_up_at_first: !check.reads_answer() }
}

/// The TCP options of a forward's sockets.
pub(crate) fn options_of(forward: &plan::Forward) -> TcpOptions {
    let settings = &forward.settings;
    TcpOptions {
        keepalive: settings.keepalive,
        user_timeout: settings.user_timeout,
        buffers: settings.buffers(),
    }
}

/// The options of a forward's listeners.
pub(crate) fn listen_options_of(forward: &plan::Forward) -> ListenOptions {
    ListenOptions {
        tcp: options_of(forward),
        rights: forward.socket_rights,
        freebind: forward.settings.freebind,
        mptcp: forward.settings.mptcp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(idle: Option<u64>, max_age: Option<u64>) -> Rules {
        let seconds = |seconds| Duration::from_secs(seconds);
        Rules {
            timeouts: Timeouts {
                connect: seconds(10),
                idle: idle.map(seconds),
                half_close: Some(seconds(60)),
                max_age: max_age.map(seconds),
                stall: None,
            },
            path: PathChoice::Auto,
            at_limit: AtLimit::Refuse,
            on_refusal: plan::OnRefusal::Reset,
            balance: Balance::Least,
            none_up: NoneUp::Try,
            passive: None,
            active: None,
            on_down: OnDown::Keep,
            slow_start: None,
            accept_proxy: None,
            hello_timeout: seconds(5),
            send_proxy: SendProxy::Off,
            pass_tlvs: false,
            keeps_tlvs: false,
            options: TcpOptions::NONE,
            pacing: Pacing::NONE,
            outbound: None,
            access: None,
            lists: AccessLists::default(),
            clients: ClientRules::of(&plan::ForwardSettings::default()),
        }
    }

    #[test]
    fn only_a_shorter_limit_is_stricter() {
        let old = rules(Some(100), None);
        assert!(rules(Some(99), None).are_stricter_than(&old));
        assert!(rules(Some(100), Some(1)).are_stricter_than(&old), "a limit where there was none");
        assert!(!rules(None, None).are_stricter_than(&old));
        assert!(!rules(Some(101), None).are_stricter_than(&old));
        let options = TcpOptions { user_timeout: Some(Duration::from_secs(1)), ..TcpOptions::NONE };
        assert!(Rules { options, ..old.clone() }.are_stricter_than(&old));
    }
}
