//! Differences between plans, as a reload reports them.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use plan::{Change, Effect, Input, Plan, PlanDiff};
use proptest::prelude::*;

fn plan_of(text: &str) -> Plan {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let reading = plan::read(&Input { config: Some(file.path().into()), ..Input::default() });
    reading.plan.unwrap_or_else(|| panic!("{text}\n{}", reading.problems.render(false)))
}

fn diff(old: &str, new: &str) -> PlanDiff {
    PlanDiff::new(&plan_of(old), &plan_of(new))
}

fn texts(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

const OLD: &str = "
[process]
workers = 1
[log]
file = 'a.log'
[[forward]]
name = 'api'
listen = ':8080'
to = 'api:80'
[[forward]]
name = 'db'
listen = ['127.0.0.1:5432', '[::1]:5432']
to = 'db:5432'
[[forward]]
name = 'same'
listen = ':9000-9004'
to = 'h:1-5'
";

const NEW: &str = "
[process]
workers = 2
max_sessions = 100
[[forward]]
name = 'same'
listen = ':9000-9004'
to = 'h:1-5'
idle_timeout = '1h'
[[forward]]
name = 'db'
listen = [':5432']
to = 'db2:5432'
idle_timeout = '30s'
keepalive = { count = 3 }
[[forward]]
name = 'new one'
listen = 'unix:/run/web.sock'
to = '[::1]:80'
";

#[test]
fn forwards_are_matched_by_name_and_every_change_is_listed() {
    let new = NEW.replace("new one", "new");
    let diff = diff(OLD, &new);
    let [added] = &diff.added[..] else { panic!("{diff:?}") };
    let added = [&added.name, &added.listen, &added.to];
    assert_eq!(added, ["new", r#""unix:/run/web.sock""#, r#""[::1]:80""#]);
    assert_eq!(diff.removed[0].name, "api");
    assert_eq!((diff.removed.len(), diff.changed.len(), diff.unchanged), (1, 1, 1));
    assert_eq!(diff.changed[0].name, "db");
    assert_eq!(
        texts(&diff.changed[0].changes),
        [
            r#"listen: ["127.0.0.1:5432", "[::1]:5432"] -> ":5432""#,
            r#"to: "db:5432" -> "db2:5432""#,
            r#"idle_timeout: "1h" -> "30s""#,
            r#"keepalive: { idle = "60s", interval = "10s", count = 6 } -> { idle = "60s", interval = "10s", count = 3 }"#,
        ]
    );
    assert!(!diff.is_empty());
}

#[test]
fn changes_that_need_a_restart_are_marked() {
    let diff = diff(OLD, &NEW.replace("new one", "new"));
    let expected = ["workers: 1 -> 2 (needs a restart)", r#"max_sessions: "auto" -> 100"#];
    assert_eq!(texts(&diff.process), expected);
    let file = &diff.log[0];
    assert_eq!((file.old.as_deref(), file.new.as_deref()), (Some(r#""a.log""#), None));
    assert_eq!(texts(&diff.log), [r#"file: "a.log" -> not set (needs a restart)"#]);
    assert_eq!(diff.process[1].effect, Effect::AtOnce);
    let restart: Vec<_> = diff.need_restart().map(|change| change.key).collect();
    assert_eq!(restart, ["workers", "file"]);
}

#[test]
fn a_token_file_is_a_separate_change() {
    let forward = "[[forward]]\nlisten = ':1'\nto = 'h:1'\n";
    let port = |file: &str| {
        format!("[process]\nadmin = '127.0.0.1:9'\nadmin_token_file = '{file}'\n{forward}")
    };
    let other_file = diff(&port("a"), &port("b"));
    assert_eq!(texts(&other_file.process), [r#"admin_token_file: "a" -> "b" (needs a restart)"#]);
    let opened = diff(forward, &port("a"));
    let expected = [
        r#"admin: "auto" -> "127.0.0.1:9" (needs a restart)"#,
        r#"admin_token_file: not set -> "a" (needs a restart)"#,
    ];
    assert_eq!(texts(&opened.process), expected);
}

#[test]
fn location_and_format_of_a_forward_are_no_change() {
    let toml = "\n\n# moved\n[[forward]]\nlisten = [':2']\nto = 'h:2'\nmax_age = 'off'\nshare = 'off'\n\
                [[forward]]\nlisten = '1'\nto = 'h:1'\nshare = 'off'\n";
    let same = diff("1 | h | 1\n2 | h | 2\n", toml);
    assert!(same.is_empty(), "{same}");
    assert_eq!(same.unchanged, 2);
}

#[test]
fn the_text_has_aligned_columns() {
    let new = NEW.replace("new one", "new");
    let text = diff(OLD, &new).to_string();
    let expected = r#"~ [process]  workers: 1 -> 2 (needs a restart)
             max_sessions: "auto" -> 100
~ [log]      file: "a.log" -> not set (needs a restart)
~ db         listen: ["127.0.0.1:5432", "[::1]:5432"] -> ":5432"
             to: "db:5432" -> "db2:5432"
             idle_timeout: "1h" -> "30s"
             keepalive: { idle = "60s", interval = "10s", count = 6 } -> { idle = "60s", interval = "10s", count = 3 }
+ new        "unix:/run/web.sock" -> "[::1]:80"
- api        ":8080" -> "api:80"
1 forward is unchanged
"#;
    assert_eq!(text, expected);
    assert_eq!(diff(OLD, OLD).to_string(), "3 forwards are unchanged\n");
    let strange =
        diff(OLD, &format!("{OLD}[[forward]]\nname = 'a\u{202e}b'\nlisten=':1'\nto='h:1'"));
    assert!(strange.to_string().starts_with(r"+ a\u{202e}b  "), "{strange}");
}

/// Ten thousand forwards; the one at index `changed` has another target.
fn many(changed: Option<usize>) -> Plan {
    let mut text = String::new();
    for index in 0..10_000 {
        let port = index + 1;
        let to = if changed == Some(index) { "other" } else { "h" };
        let forward = format!("[[forward]]\nlisten = '127.0.0.1:{port}'\nto = '{to}:{port}'\n");
        text.write_str(&forward).unwrap();
    }
    plan_of(&text)
}

#[test]
fn ten_thousand_forwards_are_compared_in_milliseconds() {
    let (old, new) = (many(None), many(Some(5000)));
    let start = Instant::now();
    let diff = PlanDiff::new(&old, &new);
    let took = start.elapsed();
    assert_eq!((diff.unchanged, diff.changed.len()), (9_999, 1));
    assert_eq!(texts(&diff.changed[0].changes), [r#"to: "h:5001" -> "other:5001""#]);
    // Generous for a debug build on a busy machine; comparing all pairs would take minutes.
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// Random plans with a few forward names and settings.
fn plans() -> impl Strategy<Value = Plan> {
    let forward = (1..12u16, 0..3u16, any::<bool>(), 1..4u32);
    let forwards = proptest::collection::btree_map(0..12u16, forward, 1..12);
    forwards.prop_map(|forwards| {
        let mut text = String::new();
        for (name, (target, ports, wait, sessions)) in forwards {
            let first = 1000 + name * 10;
            let last = first + ports;
            let (to, to_last) = (target * 100, target * 100 + ports);
            let at_limit = if wait { "wait" } else { "refuse" };
            let forward = format!(
                "[[forward]]\nname = 'n{name}'\nlisten = ':{first}-{last}'\n\
                 to = 'h:{to}-{to_last}'\nat_limit = '{at_limit}'\nmax_sessions = {sessions}\n"
            );
            text.write_str(&forward).unwrap();
        }
        plan_of(&text)
    })
}

fn names(plan: &Plan) -> BTreeSet<String> {
    plan.forwards.iter().map(|forward| forward.name.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_equals_itself(plan in plans()) {
        let diff = PlanDiff::new(&plan, &plan);
        prop_assert!(diff.is_empty(), "{diff}");
        prop_assert_eq!(diff.unchanged, plan.forwards.len());
    }

    #[test]
    fn a_diff_leads_from_the_old_plan_to_the_new_one(old in plans(), new in plans()) {
        let diff = PlanDiff::new(&old, &new);
        let mut left = names(&old);
        for forward in &diff.removed {
            prop_assert!(left.remove(&forward.name));
        }
        for forward in &diff.added {
            prop_assert!(left.insert(forward.name.clone()));
        }
        prop_assert_eq!(&left, &names(&new));
        prop_assert_eq!(diff.unchanged + diff.changed.len() + diff.added.len(), new.forwards.len());
        for changed in &diff.changed {
            prop_assert!(left.contains(&changed.name));
            prop_assert!(!changed.changes.is_empty());
            prop_assert!(changed.changes.iter().all(|change| change.old != change.new));
        }
        let back = PlanDiff::new(&new, &old);
        prop_assert_eq!((back.added, back.removed), (diff.removed, diff.added));
    }
}

#[test]
fn differences_of_a_target_list_are_named() {
    let with = |to: &str| format!("[[forward]]\nname = 'db'\nlisten = ':1'\nto = {to}\n");
    let old = "['a:1', { address = 'b:1', weight = 2 }, 'c:1']";
    let cases = [
        ("['a:1', 'd:1', 'c:1']", r#"to: added "d:1", removed "b:1""#),
        (
            "['a:1', { address = 'b:1', max_sessions = 9 }, { address = 'c:1', backup = true }]",
            r#"to: "b:1" weight 2 -> 1 and max_sessions not set -> 9, "c:1" backup false -> true"#,
        ),
        (
            "['c:1', { address = 'b:1', weight = 2 }, 'a:1']",
            "to: the same targets in another order",
        ),
        ("'a:1'", r#"to: removed "b:1", removed "c:1""#),
        (
            "['a:1', { address = 'b:1', weight = 2 }, 'c:1', { address = 'd:1', weight = 3 }]",
            r#"to: added { address = "d:1", weight = 3 }"#,
        ),
    ];
    for (new, expected) in cases {
        let diff = diff(&with(old), &with(new));
        assert_eq!(texts(&diff.changed[0].changes), [expected], "{new}");
    }
    let single = diff(&with("'a:1'"), &with("{ address = 'b:1', weight = 3 }"));
    let text = r#"to: "a:1" -> { address = "b:1", weight = 3 }"#;
    assert_eq!(texts(&single.changed[0].changes), [text]);
}
