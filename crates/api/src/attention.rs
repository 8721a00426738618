//! Conditions that need an operator's attention.

use super::Word;
use flow::words;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

words! {
    /// A condition that needs an operator's attention.
    Condition {
        SessionsFull = "sessions_full": "`sessions` is at least `max_sessions`",
        FilesShort = "files_short": "`open_files` is above 90 % of `open_files_limit`",
        ReloadFailed = "reload_failed": "`last_reload.error` is there",
        UpgradeFailed = "upgrade_failed": "`last_upgrade.error` is there",
        LogLost = "log_lost": "`last_log_dropped` is below 60 s",
        NamesFailing = "names_failing": "`names_failing` is above 0",
        FleetStoreAway = "fleet_store_away": "`fleet` is there, and its `store_up` is false",
        FleetRefused = "fleet_refused": "the `state` of `fleet` is `refused`",
        FleetFellBack = "fleet_fell_back": "the `state` of `fleet` is `fell_back`",
        FleetNotFollowed = "fleet_not_followed": "`fleet` has a `why` in another `state`: its store went back or is another one, `keep` takes no writes, or the store takes no status",
        Skipped = "skipped": "`error` is there: it could not be bound, or its Unix socket's file is gone",
        AtLimit = "at_limit": "`sessions` is at least `max_sessions`, or no target that may serve is below its own",
        Refusing = "refusing": "`last_refused` is below 60 s",
        Failing = "failing": "`last_failed` is below 60 s",
        TargetDown = "target_down": "the `state` of one of its `targets` is `down`",
        TargetUnreachable = "target_unreachable": "the `state` of one of its `targets` is `unreachable`",
        TargetsDrained = "targets_drained": "the `state` of all `targets` of a listener is `drained`",
        NetworkLossy = "network_lossy": "`verdict` is `network-lossy`",
    }
}

/// A condition that needs an operator's attention, with an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attention {
    /// The condition as a stable word.
    #[schema(schema_with = Word::<Condition>::schema)]
    pub condition: Word<Condition>,
    /// An explanation for people, with the figures behind the condition.
    pub text: String,
}

/// Whether `condition` is in the list.
pub fn holds(attention: &[Attention], condition: Condition) -> bool {
    attention.iter().any(|it| it.condition == condition)
}
