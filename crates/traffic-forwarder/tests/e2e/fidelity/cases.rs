//! The cases that apply to any forwarder, run through ours. `cargo xtask fidelity` runs them
//! through others, too.

use testkit::LIMIT;
use testkit::cases::{self, Ending, View};

use crate::support::{Setup, on_each_setup};

/// Defines a test per case; the close reasons that its record may have follow the name.
macro_rules! cases {
    ($($name:ident: $($reason:literal)|+;)+) => {
        const NAMES: &[&str] = &[$(stringify!($name)),+];

        $(fn $name(setup: Setup) {
            play(stringify!($name), &[$($reason),+], setup);
        })+

        on_each_setup!($($name),+);
    };
}

cases! {
    the_client_ends_then_the_answer_comes: "client/relay/fin";
    the_target_ends_then_the_upload_comes: "target/relay/fin";
    the_client_ends_at_once_and_the_answer_is_slow: "client/relay/fin";
    the_target_ends_at_once_and_the_client_is_slow: "target/relay/fin";
    fins_without_bytes: "client/relay/fin";
    both_fins_cross: "client/relay/fin" | "target/relay/fin";
    a_fin_in_the_segment_of_the_last_byte: "client/relay/fin";
    the_client_ends_under_a_big_answer: "client/relay/fin";
    an_early_answer_and_the_upload_goes_on: "target/relay/fin";
    a_fin_behind_a_target_that_is_slow: "client/relay/fin";
    a_close_behind_a_client_that_is_slow: "target/relay/fin";

    the_client_resets: "client/relay/reset";
    the_target_resets: "target/relay/reset";
    the_client_sends_and_resets: "client/relay/reset";
    the_target_sends_and_resets: "target/relay/reset";
    the_target_resets_after_the_clients_fin: "target/relay/reset";
    the_client_resets_after_its_fin: "client/relay/reset";
    the_client_resets_under_an_answer_it_does_not_read: "client/relay/reset";
    the_client_closes_with_bytes_unread: "client/relay/reset";
    the_client_is_gone_and_the_target_goes_on_sending: "client/relay/reset";
    a_cut_upload: "client/relay/reset";
    a_cut_download: "target/relay/reset";
    the_target_resets_under_an_upload_it_does_not_read: "target/relay/reset";
    an_early_answer_and_the_upload_is_cut: "target/relay/reset";
    the_target_resets_in_bulk: "target/relay/reset";
    the_client_resets_in_bulk: "client/relay/reset";

    the_target_refuses: "target/connect/refused";
    the_target_never_answers: "limit/connect/connect_timeout";
    the_target_closes_at_once: "target/relay/fin";
    the_target_says_something_and_closes_at_once: "target/relay/fin";
    // The RST may arrive before the worker has seen the end of the handshake.
    the_target_resets_at_once: "target/relay/reset" | "target/connect/reset";
    the_target_speaks_first: "client/relay/fin";
    the_client_closes_at_once: "client/relay/fin";
    // It may arrive before, during and after the connect to the target.
    the_client_resets_at_once: "client/connect/reset" | "client/relay/reset";

    a_big_answer_and_a_close: "target/relay/fin";
    single_bytes_to_and_fro: "client/relay/fin";
    urgent_bytes: "client/relay/fin";
}

#[test]
fn no_case_is_left_out() {
    let all: Vec<_> = cases::all().map(|case| case.name).collect();
    assert_eq!(NAMES, all);
}

fn play(name: &str, reasons: &[&str], setup: Setup) {
    let case = cases::all().find(|case| case.name == name).expect("a case of this name");
    let stage = case.set_up(LIMIT);
    let forward = setup.forward(stage.target(), "connect_timeout = '2s'");
    let seen = stage.play(&forward);
    assert!(case.is_kept_by(&seen), "{seen:#?}, owed is {case:#?}");
    let record = forward.record();
    let line = &record.json;
    assert!(reasons.contains(&&*record.close_reason()), "{line}");
    for (view, counted) in [(&seen.target, record.bytes_up), (&seen.client, record.bytes_down)] {
        // Bytes before an RST count as sent; the RST may overtake them.
        if let Some(View { received, ending: Ending::Fin, .. }) = view {
            assert_eq!(counted, *received, "{line}");
        }
    }
}
