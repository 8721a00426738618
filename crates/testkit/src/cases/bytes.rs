//! All bytes, in their order, and no others.

use super::{Case, MIB, Owed, client, play, target};
use crate::script::Script;

/// Too much for any buffer, not too much for a test.
const BIG: u64 = 32 * MIB;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a_big_answer_and_a_close",
        what: "The target answers 32 MiB and closes.",
        client: Some(Owed::fin(BIG)),
        target: None,
        parts: || play(client().write(10).drain(), target().read_exactly(10).write(BIG).close()),
    },
    Case {
        name: "single_bytes_to_and_fro",
        what: "One byte there and one back, 200 times.",
        client: Some(Owed::fin(200)),
        target: Some(Owed::fin(200)),
        parts: || {
            let asking = |script: Script, _| script.write(1).read_exactly(1);
            let answering = |script: Script, _| script.read_exactly(1).write(1);
            let client = (0..200).fold(client(), asking).shutdown_write().drain();
            play(client, (0..200).fold(target(), answering).drain())
        },
    },
    Case {
        name: "urgent_bytes",
        what: "An urgent byte among others, each way, must stay in its place in the stream.",
        client: Some(Owed::words("AB?CD")),
        target: Some(Owed::words("ab!cd")),
        parts: || {
            let client = Script::new().write_bytes("ab").urgent_byte(b'!').write_bytes("cd");
            let target = Script::new().drain().write_bytes("AB").urgent_byte(b'?');
            play(client.shutdown_write().drain(), target.write_bytes("CD"))
        },
    },
];
