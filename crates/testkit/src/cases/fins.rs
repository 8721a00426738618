//! A FIN is passed on after the last byte before it, and the other direction goes on.

use std::time::Duration;

use super::{Case, MIB, MOMENT, Owed, client, play, target};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "the_client_ends_then_the_answer_comes",
        what: "The client sends 1 MiB and a FIN; then the target answers 2 MiB.",
        client: Some(Owed::fin(2 * MIB)),
        target: Some(Owed::fin(MIB)),
        parts: || {
            let target = target().drain().write(2 * MIB);
            play(client().write(MIB).shutdown_write().drain(), target)
        },
    },
    Case {
        name: "the_target_ends_then_the_upload_comes",
        what: "The target sends 1 MiB and a FIN; then the client sends 2 MiB.",
        client: Some(Owed::fin(MIB)),
        target: Some(Owed::fin(2 * MIB)),
        parts: || {
            let target = target().write(MIB).shutdown_write().drain();
            play(client().drain().write(2 * MIB), target)
        },
    },
    Case {
        name: "the_client_ends_at_once_and_the_answer_is_slow",
        what: "The client sends a FIN at once; the target answers a second later.",
        client: Some(Owed::fin(1000)),
        target: Some(Owed::fin(0)),
        parts: || {
            let target = target().drain().pause(Duration::from_secs(1)).write(1000);
            play(client().shutdown_write().drain(), target)
        },
    },
    Case {
        name: "the_target_ends_at_once_and_the_client_is_slow",
        what: "The target sends a FIN at once; the client sends a second later.",
        client: Some(Owed::fin(0)),
        target: Some(Owed::fin(1000)),
        parts: || {
            let client = client().drain().pause(Duration::from_secs(1)).write(1000);
            play(client, target().shutdown_write().drain())
        },
    },
    Case {
        name: "fins_without_bytes",
        what: "Both send a FIN and not a byte.",
        client: Some(Owed::fin(0)),
        target: Some(Owed::fin(0)),
        parts: || play(client().shutdown_write().drain(), target().drain()),
    },
    Case {
        name: "both_fins_cross",
        what: "Both send 1 MiB and a FIN at the same time.",
        client: Some(Owed::fin(MIB)),
        target: Some(Owed::fin(MIB)),
        parts: || {
            let target = target().write(MIB).shutdown_write().drain();
            play(client().write(MIB).shutdown_write().drain(), target)
        },
    },
    Case {
        name: "a_fin_in_the_segment_of_the_last_byte",
        what: "The FIN is in the same segment as the last byte, each way.",
        client: Some(Owed::fin(1000)),
        target: Some(Owed::fin(1000)),
        parts: || {
            let target = target().drain().write_with_fin(1000);
            play(client().write_with_fin(1000).drain(), target)
        },
    },
    Case {
        name: "the_client_ends_under_a_big_answer",
        what: "The client sends a FIN while 16 MiB are on their way to it.",
        client: Some(Owed::fin(16 * MIB)),
        target: Some(Owed::fin(10)),
        parts: || {
            let target = target().write(16 * MIB).drain();
            play(client().write(10).shutdown_write().drain(), target)
        },
    },
    Case {
        name: "an_early_answer_and_the_upload_goes_on",
        what: "The target answers 1 MiB and a FIN while the client uploads 16 MiB.",
        client: Some(Owed::fin(MIB)),
        target: Some(Owed::fin(16 * MIB)),
        parts: || {
            let target = target().write(MIB).shutdown_write().drain();
            play(client().write(16 * MIB).shutdown_write().drain(), target)
        },
    },
    Case {
        name: "a_fin_behind_a_target_that_is_slow",
        what: "The client sends 16 MiB and a FIN; the target begins to read late, and slowly.",
        client: Some(Owed::fin(0)),
        target: Some(Owed::fin(16 * MIB)),
        parts: || {
            let target = target().pause(MOMENT).read_slowly(1000, 10, MOMENT / 30).drain();
            play(client().write(16 * MIB).shutdown_write().drain(), target)
        },
    },
    Case {
        name: "a_close_behind_a_client_that_is_slow",
        what: "The target sends 16 MiB and closes; the client begins to read late, and slowly.",
        client: Some(Owed::fin(16 * MIB)),
        target: None,
        parts: || {
            let client = client().pause(MOMENT).read_slowly(1000, 10, MOMENT / 30).drain();
            play(client, target().write(16 * MIB).close())
        },
    },
];
