//! The closed sets of words in answers.

use flow::words;

words! {
    /// State of the process.
    ProcessState {
        Serving = "serving": "It takes new sessions.",
        Draining = "draining": "It is shutting down.",
    }
}

words! {
    /// State of an instance of a fleet.
    FleetState {
        Waiting = "waiting": "It has had no published configuration yet.",
        Stable = "stable": "It runs the stable configuration.",
        Trying = "trying": "It runs a configuration on trial.",
        Refused = "refused": "It could not apply the configuration, and runs the one before.",
        FellBack = "fell_back": "It has taken the configuration on trial back.",
        Confirmed = "confirmed": "The configuration on trial has become the stable one here.",
    }
}

words! {
    /// State of a forward.
    ForwardState {
        Active = "active": "It takes new sessions.",
        Draining = "draining": "An operator drained it: it takes no new sessions.",
        Skipped = "skipped": "A line of the older format that could not be bound.",
        Removed = "removed": "No longer configured: its sessions go on, or a trial may bring it back.",
    }
}

words! {
    /// State of a target.
    TargetState {
        Up = "up": "It takes new sessions.",
        Unreachable = "unreachable": "The last session, or a probe, could not connect to it, or its name cannot be resolved. It takes new sessions.",
        Down = "down": "Connects or checks failed: others get its sessions.",
        Drained = "drained": "An operator has drained it: others get its sessions.",
        Unknown = "unknown": "Its first check has not ended, or it is an entry of `to` whose name has no answer yet.",
    }
}

words! {
    /// Paths that carried bytes of a lane.
    PathsUsed {
        None = "none": "No byte was moved.",
        Copy = "copy": "All bytes were copied.",
        Splice = "splice": "All bytes were spliced.",
        Both = "copy+splice": "Some bytes were copied, some spliced.",
    }
}

impl From<flow::PathsUsed> for PathsUsed {
    fn from(used: flow::PathsUsed) -> Self {
        match (used.copy, used.splice) {
            (false, false) => Self::None,
            (true, false) => Self::Copy,
            (false, true) => Self::Splice,
            (true, true) => Self::Both,
        }
    }
}

words! {
    /// Sessions and processes for which a changed setting holds.
    Effect {
        NewSessions = "new_sessions": "It holds for new sessions.",
        AllSessions = "all_sessions": "It holds for all sessions.",
        Process = "process": "It holds at once.",
        Restart = "restart": "It holds after a restart.",
    }
}

words! {
    /// Result of a command.
    DoneState {
        Killed = "killed": "The session was reset.",
        Draining = "draining": "The forward takes no new sessions.",
        Active = "active": "The forward takes new sessions.",
        Confirmed = "confirmed": "The configuration stays.",
    }
}

words! {
    /// Origin of a reload, an upgrade or a shutdown.
    Origin {
        Hangup = "SIGHUP": "The signal.",
        User2 = "SIGUSR2": "The signal.",
        Terminate = "SIGTERM": "The signal.",
        Interrupt = "SIGINT": "The signal.",
        Admin = "admin": "The admin interface.",
        Watch = "watch": "A change of the watched file.",
        Unconfirmed = "unconfirmed": "The configuration on trial was not confirmed.",
    }
}

words! {
    /// Reason of a refusal or failure, for programs.
    ErrorCode {
        BadRequest = "bad_request": "The request has no such form.",
        InvalidConfig = "invalid_config": "The configuration has problems.",
        Unauthorized = "unauthorized": "The token is missing or wrong.",
        Forbidden = "forbidden": "The caller may not do this.",
        NotFound = "not_found": "No such path, forward or session.",
        MethodNotAllowed = "method_not_allowed": "The path does not take this method.",
        TooLarge = "too_large": "The body is too long.",
        Timeout = "timeout": "The answer took too long.",
        Busy = "busy": "Too many callers are served already.",
        Draining = "draining": "The process is shutting down.",
        Unfit = "unfit": "The host does not allow it.",
        NoFile = "no_file": "The process has no configuration file.",
        NoText = "no_text": "The process has had no published configuration of its fleet yet.",
        OnTrial = "on_trial": "Another configuration waits to be confirmed.",
        NothingToConfirm = "nothing_to_confirm": "No configuration waits to be confirmed.",
        OtherGeneration = "other_generation": "Another configuration than the named one waits to be confirmed.",
        Upgrading = "upgrading": "An upgrade is under way.",
        Reloaded = "reloaded": "The configuration was reloaded meanwhile.",
        NoBinary = "no_binary": "There is no such program.",
        ExposedBinary = "exposed_binary": "Others may write to the program.",
        RefusedByBinary = "refused_by_binary": "The program cannot continue this process.",
        UpgradeFailed = "upgrade_failed": "A step of the upgrade failed.",
        Profiling = "profiling": "A profile is being taken.",
        ProfileFailed = "profile_failed": "The profile could not be taken.",
        NoProfile = "no_profile": "This build takes no profiles.",
        Usage = "usage": "The command line is wrong.",
        NoProcess = "no_process": "No process answers.",
        UntrustedListener = "untrusted_listener": "Another user's process listens at the address.",
        BrokenAnswer = "broken_answer": "The answer is not one of this program.",
        Store = "store": "The store of the fleet is away, or refuses the request.",
        Restarted = "restarted": "The process was restarted meanwhile.",
        Terminal = "terminal": "The terminal cannot be used.",
    }
}

words! {
    /// Name of an event in `GET /v1/events`.
    EventName {
        SessionOpened = "session_opened": "A client was accepted.",
        SessionConnected = "session_connected": "The session's target is connected.",
        SessionClosed = "session_closed": "The session ended.",
        TargetDown = "target_down": "The session ended because its target could not be connected, or a target is out of use.",
        TargetUp = "target_up": "A target that was out of use takes sessions: again, or after its first check.",
        LimitReached = "limit_reached": "Clients were refused: `max_sessions` are open, or the forward has its `share` of them.",
        NotAllowed = "not_allowed": "Clients were refused: `allow` and `deny` do not allow them.",
        ClientLimited = "client_limited": "Clients were refused by a limit of their own: `share` or `per_client`.",
        AcceptFailed = "accept_failed": "A listener pauses.",
        ResourceExhausted = "resource_exhausted": "No descriptors, ports or memory are left.",
        Drain = "drain": "A forward was drained: it takes no new sessions.",
        Resume = "resume": "A forward takes sessions again.",
        Reload = "reload": "The configuration was reloaded, or a trial was reverted.",
        Upgrade = "upgrade": "The process is about to execute another program, or the attempt failed.",
        FleetRevision = "fleet_revision": "The process follows another revision of its fleet.",
        FleetState = "fleet_state": "The state of the process in its fleet changed, or a reason not to follow came or went.",
        FleetStore = "fleet_store": "The store of the fleet is silent, or answers again.",
        Shutdown = "shutdown": "The process takes no new sessions, and ends.",
        Lagged = "lagged": "The reader was too slow; this is the last event.",
    }
}

impl EventName {
    /// Whether every session has such an event: a busy process sends thousands per second.
    pub const fn is_of_every_session(self) -> bool {
        matches!(self, Self::SessionOpened | Self::SessionConnected | Self::SessionClosed)
    }
}

impl ErrorCode {
    /// Whether only commands report it, without an answer from a process.
    pub const fn is_of_commands(self) -> bool {
        matches!(
            self,
            Self::Usage
                | Self::NoProcess
                | Self::UntrustedListener
                | Self::BrokenAnswer
                | Self::Store
                | Self::Restarted
                | Self::Terminal
        )
    }
}
