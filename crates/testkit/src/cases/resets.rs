//! An RST is passed on as an RST, after the bytes that came before it; a stream that was cut never
//! ends with a FIN.

use super::{Case, MOMENT, MUCH, Owed, client, play, target};
use crate::gate::Gate;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "the_client_resets",
        what: "The client resets an open connection.",
        client: None,
        target: Some(Owed::reset(1)),
        parts: || {
            let target = target().read_exactly(1).write(1).drain();
            play(client().write(1).read_exactly(1).reset(), target)
        },
    },
    Case {
        name: "the_target_resets",
        what: "The target resets an open connection.",
        client: Some(Owed::reset(1)),
        target: None,
        parts: || {
            let target = target().write(1).read_exactly(1).reset();
            play(client().read_exactly(1).write(1).drain(), target)
        },
    },
    Case {
        name: "the_client_sends_and_resets",
        what: "The client sends 5000 bytes more and resets.",
        client: None,
        target: Some(Owed::reset(5001)),
        parts: || {
            let target = target().read_exactly(1).write(1).drain();
            play(client().write(1).read_exactly(1).write(5000).reset(), target)
        },
    },
    Case {
        name: "the_target_sends_and_resets",
        what: "The target sends 5000 bytes more and resets.",
        client: Some(Owed::reset(5001)),
        target: None,
        parts: || {
            let target = target().write(1).read_exactly(1).write(5000).reset();
            play(client().read_exactly(1).write(1).drain(), target)
        },
    },
    Case {
        name: "the_target_resets_after_the_clients_fin",
        what: "The client sends a FIN; the target reads it and resets.",
        client: Some(Owed::reset(1)),
        target: None,
        parts: || {
            let target = target().read_exactly(1).write(1).read_to_end().reset();
            play(client().write(1).read_exactly(1).shutdown_write().drain(), target)
        },
    },
    Case {
        name: "the_client_resets_after_its_fin",
        what: "The client sends a FIN, reads a part of the answer and resets.",
        client: None,
        target: Some(Owed::reset(1)),
        parts: || {
            let target = target().drain().try_write(MUCH);
            play(client().write(1).shutdown_write().read_exactly(100_000).reset(), target)
        },
    },
    Case {
        name: "the_client_resets_under_an_answer_it_does_not_read",
        what: "The client reads nothing and resets while the target still sends.",
        client: None,
        target: Some(Owed::reset(0)),
        parts: || play(client().pause(MOMENT).reset(), target().try_write(MUCH).drain()),
    },
    Case {
        name: "the_client_closes_with_bytes_unread",
        what: "The client closes with bytes unread, which makes its kernel reset.",
        client: None,
        target: Some(Owed::reset(0)),
        parts: || play(client().read_exactly(1).close(), target().write(5000).drain()),
    },
    Case {
        name: "the_client_is_gone_and_the_target_goes_on_sending",
        what: "The client closes; the target reads the FIN and goes on sending.",
        client: None,
        target: Some(Owed::reset(10)),
        parts: || play(client().write(10).close(), target().drain().try_write(MUCH)),
    },
    Case {
        name: "a_cut_upload",
        what: "The client fills all buffers and resets; only then the target reads.",
        client: None,
        target: Some(Owed::cut()),
        parts: || {
            let gone = Gate::new();
            let target = target().stall(&gone).pause(MOMENT).drain();
            play(client().fill().reset().signal(&gone), target)
        },
    },
    Case {
        name: "a_cut_download",
        what: "The target fills all buffers and resets; only then the client reads.",
        client: Some(Owed::cut()),
        target: None,
        parts: || {
            let gone = Gate::new();
            let client = client().stall(&gone).pause(MOMENT).drain();
            play(client, target().fill().reset().signal(&gone))
        },
    },
    Case {
        name: "the_target_resets_under_an_upload_it_does_not_read",
        what: "The target reads nothing and resets while the client still sends.",
        client: Some(Owed::reset(0)),
        target: None,
        parts: || {
            let full = Gate::new();
            play(client().fill().signal(&full).drain(), target().stall(&full).reset())
        },
    },
    Case {
        name: "an_early_answer_and_the_upload_is_cut",
        what: "The target answers 1000 bytes and closes with most of the upload unread.",
        client: Some(Owed::reset(1000)),
        target: None,
        parts: || {
            let target = target().read_exactly(10).write(1000).close();
            play(client().try_write(MUCH).drain(), target)
        },
    },
];
