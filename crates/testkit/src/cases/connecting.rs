//! Connection setup: refusals reach the client, and so does an immediate end.

use super::{Case, Ending, Owed, Parts, Role, client, play, target};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "the_target_refuses",
        what: "Nobody listens on the target's port.",
        client: Some(Owed::reset(0)),
        target: None,
        parts: || Parts::Scripts { client: client().drain(), target: Role::Refuses },
    },
    Case {
        name: "the_target_never_answers",
        what: "The target answers no SYN.",
        client: Some(Owed::reset(0)),
        target: None,
        parts: || Parts::Scripts { client: client().drain(), target: Role::NeverAnswers },
    },
    Case {
        name: "the_target_closes_at_once",
        what: "The target accepts and closes at once.",
        client: Some(Owed::fin(0)),
        target: None,
        parts: || play(client().drain(), target().close()),
    },
    Case {
        name: "the_target_says_something_and_closes_at_once",
        what: "The target accepts, sends 100 bytes and closes at once.",
        client: Some(Owed::fin(100)),
        target: None,
        parts: || play(client().drain(), target().write(100).close()),
    },
    Case {
        name: "the_target_resets_at_once",
        what: "The target accepts and resets at once.",
        client: Some(Owed::reset(0)),
        target: None,
        parts: || play(client().drain(), target().reset()),
    },
    Case {
        name: "the_target_speaks_first",
        what: "The target speaks first, and the client only answers.",
        client: Some(Owed::fin(100)),
        target: Some(Owed::fin(10)),
        parts: || {
            let client = client().read_exactly(100).write(10).shutdown_write().drain();
            play(client, target().write(100).drain())
        },
    },
    Case {
        name: "the_client_closes_at_once",
        what: "The client connects and closes at once.",
        client: None,
        target: Some(Owed::if_at_all(&[Ending::Fin, Ending::Open])),
        parts: || play(client().close(), target().drain()),
    },
    Case {
        name: "the_client_resets_at_once",
        what: "The client connects and resets at once.",
        client: None,
        target: Some(Owed::if_at_all(&[Ending::Reset, Ending::Open])),
        parts: || play(client().reset(), target().drain()),
    },
];
