//! `share` and `per_client`, by the format and the place where they stand.

use std::num::NonZeroU32;
use std::time::Duration;

use plan::{Input, Reading};

fn read(file: Option<&str>, forwards: &[&str]) -> Reading {
    let input = Input {
        config: file.map(|_| "test.conf".into()),
        forwards: forwards.iter().map(ToString::to_string).collect(),
        ..Input::default()
    };
    plan::read_text(&input, file.unwrap_or_default())
}

#[test]
fn only_toml_has_shares_by_default() {
    let share = |reading: Reading, at: usize| {
        reading.plan.expect("a plan").forwards[at].settings.share.map(|share| share.to_string())
    };
    let toml = "[[forward]]\nlisten = ':1'\nto = 'h:1'\n";
    assert_eq!(share(read(Some(toml), &[]), 0).as_deref(), Some("9"));
    assert_eq!(share(read(Some("1 | h | 1\n"), &[]), 0), None);
    assert_eq!(share(read(None, &["2=h:2"]), 0), None);
    assert_eq!(share(read(Some(toml), &["2=h:2"]), 1), None, "beside a file");
    let explicit = format!("[defaults]\nshare = 2.5\n{toml}share = 'off'\n");
    assert_eq!(share(read(Some(&explicit), &["2=h:2"]), 0), None);
    assert_eq!(share(read(Some(&explicit), &["2=h:2"]), 1).as_deref(), Some("2.5"));
}

#[test]
fn limits_of_a_client_are_merged_with_those_of_defaults() {
    let file = "[defaults]\nper_client = { sessions = 5, new = '20/m' }\n\
                [[forward]]\nlisten = ':1'\nto = 'h:1'\nper_client = { burst = 3, prefix = [24, 56] }\n\
                [[forward]]\nlisten = ':2'\nto = 'h:1'\nper_client = 'off'\n";
    let plan = read(Some(file), &[]).plan.expect("a plan");
    let limits = plan.forwards[0].settings.per_client.as_ref().expect("limits");
    assert_eq!((limits.sessions.map(NonZeroU32::get), limits.prefix.v4), (Some(5), 24));
    let count = |count| NonZeroU32::new(count).expect("a number");
    let expected = flow::Rate::new(20, Duration::from_secs(60), count(3));
    assert_eq!(limits.rate(), Some(expected));
    assert_eq!(plan.forwards[1].settings.per_client, None);
}
