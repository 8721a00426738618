//! The tables of settings and run-time states over a reload, its fall-back, an upgrade, and a
//! fall-back after an upgrade. The end-to-end tests play each cell, and `docs/reload.md` has the same
//! tables.

/// A transition from one configuration, or process image, to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// Reload of the configuration.
    Reload,
    /// A reload on trial that is not confirmed.
    FallBack,
    /// An upgrade in place after a reload.
    Upgrade,
    /// An upgrade within a trial that is then not confirmed.
    FallBackAfterUpgrade,
}

impl Crossing {
    /// All transitions, in the order of the tables' columns.
    pub const ALL: [Self; 4] =
        [Self::Reload, Self::FallBack, Self::Upgrade, Self::FallBackAfterUpgrade];
}

/// The cells of a setting, by the effect of a changed value (`Effect::explanation`).
pub fn of_setting(effect: &str) -> Option<[&'static str; 4]> {
    Some(match effect {
        "at once" => ["at once", "back", "stays", "back"],
        "living sessions too" => ["living sessions too", "back", "stays", "back"],
        "new sessions" => ["new sessions", "back", "stays", "back"],
        "another forward" => ["another forward", "back", "stays", "back"],
        "restart" => ["waits", "waits no longer", "waits", "waits no longer"],
        _ => return None,
    })
}

/// Run-time states with their cells.
pub const STATES: [(&str, [&str; 4]); 8] = [
    (
        "a drained forward",
        [
            "stays drained",
            "is drained again, if the trial has removed it",
            "stays drained",
            "is drained again, if the trial has removed it",
        ],
    ),
    (
        "a forward that was resumed during the trial",
        ["stays active", "stays active", "stays active", "stays active"],
    ),
    (
        "a removed forward with sessions",
        [
            "its sessions go on",
            "is the same forward again, with its sessions",
            "its sessions go on",
            "is the same forward again, with its sessions",
        ],
    ),
    (
        "a skipped line of the older format",
        ["is tried again", "is tried again", "is tried again", "is tried again"],
    ),
    (
        "a forward that a fall-back could not bind",
        [
            "is tried again, until it listens",
            "is tried again, until it listens",
            "is tried again, until it listens",
            "is tried again, until it listens",
        ],
    ),
    (
        "a configuration on trial",
        [
            "stays on trial, with the same previous configuration and deadline",
            "is reverted",
            "stays on trial, with the same previous configuration and deadline",
            "is reverted, at the same moment",
        ],
    ),
    (
        "a file that is watched",
        [
            "is not read twice",
            "is not read again before it changes",
            "a change just before it is noticed",
            "is not read again before it changes",
        ],
    ),
    ("a log file that was reopened", ["goes on", "goes on", "goes on", "goes on"]),
];
