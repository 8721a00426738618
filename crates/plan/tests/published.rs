//! Published texts: alone, and beside the file of a machine.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::io::Write as _;

use plan::{Input, Plan, PlanDiff, Published, Reading, Release, published_needs, read_published};
use tempfile::{NamedTempFile, TempDir};

const LOCAL: &str = "\
[fleet]
from = 'etcd://a/p'
[defaults]
max_sessions = 7
[[forward]]
name = 'local'
listen = '127.0.0.1:1'
to = 'h:1'
";

fn published(text: &str) -> Published {
    Published { revision: 42, hash: "00".repeat(32), text: text.into() }
}

/// Reads a local file, one-line forwards and a published text.
fn read(local: &str, forwards: &[&str], text: &str) -> Reading {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(local.as_bytes()).unwrap();
    let forwards = forwards.iter().map(|&it| it.to_owned()).collect();
    let config = Some(file.path().to_owned());
    let published = Some(published(text));
    let reading = plan::read(&Input { config, forwards, published, ..Input::default() });
    assert_eq!(reading.plan.is_none(), reading.problems.has_errors());
    reading
}

fn problems(reading: &Reading) -> Vec<String> {
    reading.problems.iter().map(ToString::to_string).collect()
}

fn plan_of(reading: Reading) -> Plan {
    assert!(reading.problems.is_empty(), "{}", reading.problems.render(false));
    reading.plan.unwrap()
}

#[test]
fn published_forwards_follow_those_of_the_machine_with_defaults_of_their_own() {
    let text = "[defaults]\nidle_timeout = '9s'\n[[forward]]\nname = 'shared'\nlisten = ':2'\nto = 'h:2'\n";
    let plan = plan_of(read(LOCAL, &["3=h:3"], text));
    let seen = plan.forwards.iter().map(|forward| {
        let settings = &forward.settings;
        let idle = settings.idle_timeout.unwrap().as_secs();
        (forward.name.as_str(), settings.max_sessions.get(), idle, plan.is_published(forward))
    });
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [("local", 7, 3600, false), (":3", 7, 3600, false), ("shared", 1000, 9, true)]
    );
    assert_eq!(plan.published, Some(published(text)));
    let shared = plan.forwards.last().unwrap();
    assert_eq!(shared.location.to_string(), "revision 42:3:1");
    let place = |key: &str| plan::setting_location(&plan, shared, key).map(|it| it.to_string());
    assert_eq!(place("to").as_deref(), Some("revision 42:6:1"));
    assert_eq!(place("idle_timeout").as_deref(), Some("revision 42:2:1"));
    assert_eq!(place("max_sessions"), None);
    let place = plan::setting_location(&plan, &plan.forwards[0], "max_sessions").unwrap();
    assert_eq!(place.line, 4);
}

#[test]
fn a_file_with_a_fleet_and_no_forward_is_complete() {
    let fleet = "[fleet]\nfrom = 'etcd://a/p'\n";
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(fleet.as_bytes()).unwrap();
    let config = Some(file.path().to_owned());
    let plan = plan_of(plan::read(&Input { config, ..Input::default() }));
    assert_eq!((plan.forwards.len(), plan.published), (0, None));
    assert_eq!(plan.fleet.unwrap().store.url.to_string(), "etcd://a:2379/p");
    assert_eq!(
        plan_of(read(fleet, &[], "[[forward]]\nlisten = ':2'\nto = 'h:2'\n")).forwards.len(),
        1
    );
}

#[test]
fn what_both_texts_have_is_an_error_in_the_published_one() {
    let text = "\
[[forward]]
name = 'local'
listen = ':5'
to = 'h:2'
[[forward]]
listen = ['127.0.0.1:1', ':3']
to = 'h:2'
[[forward]]
listen = ':6'
to = '127.0.0.1:1'
wrong = 1
";
    let reading = read(LOCAL, &["3=h:3"], text);
    let problems = problems(&reading);
    let expected = [
        "revision 42:2:9: error: the name `local` is taken by forward `local` (",
        "revision 42:6:12: error: `127.0.0.1:1` is already listened on by forward `local` (",
        "revision 42:6:27: error: `:3` is already listened on by forward `:3` (command line)",
        "revision 42:10:7: error: the target `127.0.0.1:1` is a listener of this process: forward `local` (",
        "revision 42:11:1: error: unknown key `wrong`",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}");
    }
    assert!(reading.problems.render(false).contains("--> revision 42:11:1"));
    // Those of the file stand before those of the published text, whatever their lines.
    let reading = read(&format!("{LOCAL}other = 1\n"), &["x"], "wrong = 1\n");
    let places = reading.problems.iter().map(|it| it.location.clone().unwrap().to_string());
    let places: Vec<_> = places.collect();
    assert!(places[0].ends_with(":9:1"), "{places:?}");
    assert_eq!(places[1..], ["command line", "revision 42:1:1"]);
}

#[test]
fn tables_of_one_machine_are_refused() {
    let text =
        "[process]\nworkers = 2\n[log]\n[fleet]\n[[forward]]\nlisten = ':2'\nto = 'h:2'\n[other]\n";
    for problems in [problems(&read_published("FILE", text)), problems(&read(LOCAL, &[], text))] {
        let texts: Vec<_> = problems.iter().map(|it| it.split_once(": error: ").unwrap()).collect();
        for ((place, text), (line, name)) in
            texts.iter().zip([(1, "process"), (3, "log"), (4, "fleet")])
        {
            assert!(place.ends_with(&format!(":{line}:2")), "{place}");
            let expected = format!(
                "a published text has no `[{name}]` (`[{name}]` stays in the local file of each machine)"
            );
            assert_eq!(**text, expected);
        }
        assert!(texts[3].1.starts_with("unknown table or key `other`"), "{texts:?}");
        assert_eq!(texts.len(), 4);
    }
}

#[test]
fn a_published_text_has_forwards_in_toml() {
    for (text, expected) in [
        ("", "FILE:1:1: error: FILE holds no forward"),
        ("[defaults]\n", "FILE:1:1: error: FILE holds no forward"),
        ("18080 | h | 1\n", "FILE:1:1: error: a published text in the older format"),
        ("[[forward]]\nlisten = ':1'\n", "FILE:1:1: error: this forward has no `to`"),
        (
            "[[forward]]\nto = 'h:1'\nlisten = [':1', ':1']\n",
            "FILE:3:18: error: `:1` is listened on",
        ),
        ("[[forward]\n", "FILE:1:"),
    ] {
        let reading = read_published("FILE", text);
        assert!(reading.plan.is_none(), "{text}");
        assert!(problems(&reading)[0].starts_with(expected), "{:?}", problems(&reading));
    }
}

#[test]
fn paths_in_a_published_text_are_those_of_each_machine() {
    let dir = TempDir::new().unwrap();
    let list = dir.path().join("list");
    let text =
        format!("[[forward]]\nlisten = ':2'\nto = 'h:2'\ndeny = 'file:{}'\n", list.display());
    // A publisher does not open the file.
    assert!(read_published("FILE", &text).plan.is_some());
    let problems_here = problems(&read(LOCAL, &[], &text));
    assert!(
        problems_here[0].starts_with("revision 42:4:9: error: the prefix file "),
        "{problems_here:?}"
    );
    fs::write(&list, "10.0.0.0/8\n").unwrap();
    let local = format!("{LOCAL}deny = 'file:{}'\n", list.display());
    let reading = read(&local, &[], &text);
    // Both texts name it, and it is read once.
    assert_eq!(reading.prefix_files.len(), 1);
    let plan = plan_of(reading);
    assert!(plan.forwards.iter().all(|forward| forward.access.is_some()));
    // Of any other file, nothing is shown.
    for entry in ["s3cret", "10.9.8.7/8", "fe80::1%s3cret"] {
        fs::write(&list, format!("{entry}\n")).unwrap();
        let reading = read(LOCAL, &[], &text);
        let [problem] = &problems(&reading)[..] else { panic!("{:?}", problems(&reading)) };
        let at = format!("{}:1:1: error: this line is not an IP address", list.display());
        assert!(problem.starts_with(&at), "{problem}");
        let whole = format!("{:?}", reading.problems);
        assert!(!whole.contains("s3cret") && !whole.contains("10."), "{whole}");
    }
    // A socket of the published text at the path of the log.
    let socket = dir.path().join("x").display().to_string();
    let text = format!("[[forward]]\nlisten = 'unix:{socket}'\nto = 'h:2'\n");
    let problems = problems(&read(&format!("[log]\nfile = '{socket}'\n{LOCAL}"), &[], &text));
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert!(problem.starts_with("revision 42:2:11: error: the listener's socket"), "{problem}");
}

#[test]
fn two_published_texts_are_compared_as_plans() {
    let plan = |text: &str| plan_of(read_published("FILE", text));
    let old = plan("[[forward]]\nlisten = ':2'\nto = 'h:2'\n");
    let new =
        plan("[[forward]]\nlisten = ':2'\nto = 'h:3'\n[[forward]]\nlisten = ':4'\nto = 'h:2'\n");
    let text = PlanDiff::new(&old, &new).to_string();
    assert_eq!(
        text,
        "~ :2  to: \"h:2\" -> \"h:3\"\n+ :4  \":4\" -> \"h:2\"\n0 forwards are unchanged\n"
    );
}

#[test]
fn the_settings_of_a_published_text_are_listed_with_their_versions() {
    let text = "\
[defaults]
share = 5
check = { http = '/', every = '2s' }
[[forward]]
listen = ':2'
to = ['h:1', { address = 'h:2', weight = 2 }]
route = [{ sni = 'x', to = { address = 'h:3', backup = false } }]
other = 1
";
    let needs = published_needs("FILE", text);
    let keys: Vec<_> = needs.iter().map(|need| format!("{} {}", need.location, need.key)).collect();
    assert_eq!(
        keys,
        [
            "FILE:2:1 share",
            "FILE:3:1 check",
            "FILE:3:11 check.http",
            "FILE:3:23 check.every",
            "FILE:5:1 listen",
            "FILE:6:1 to",
            "FILE:6:16 to.address",
            "FILE:6:33 to.weight",
            "FILE:7:1 route",
            "FILE:7:12 route.sni",
            "FILE:7:23 route.to",
            "FILE:7:30 route.to.address",
            "FILE:7:47 route.to.backup",
        ]
    );
    assert!(needs.iter().all(|need| need.since == Release::FIRST));
    assert!(published_needs("FILE", "[[forward]\n").is_empty());
}
