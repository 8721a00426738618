//! `allow` and `deny`: their files, and what a reload shares and compares.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::sync::Arc;

use plan::{Input, Plan, PlanDiff, Reading};
use tempfile::TempDir;

/// A directory with a configuration and files of prefixes.
struct Files(TempDir);

impl Files {
    fn new(config: &str, prefixes: &str) -> Self {
        let files = Self(TempDir::new().unwrap());
        files.write("list", prefixes);
        files.write(
            "config",
            &config.replace("LIST", files.0.path().join("list").to_str().unwrap()),
        );
        files
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn input(&self) -> Input {
        Input { config: Some(self.0.path().join("config")), ..Input::default() }
    }

    fn read(&self) -> Reading {
        plan::read(&self.input())
    }

    fn plan(&self) -> Plan {
        plan_of(self.read())
    }
}

fn plan_of(reading: Reading) -> Plan {
    assert!(reading.problems.is_empty(), "{}", reading.problems.render(false));
    reading.plan.unwrap()
}

/// The forwards that serve a client with this address.
fn serving(plan: &Plan, address: &str) -> Vec<String> {
    let address: IpAddr = address.parse().unwrap();
    let forwards = plan.forwards.iter();
    let serving = forwards.filter(|it| it.access.as_ref().is_none_or(|list| list.allows(address)));
    serving.map(|forward| forward.name.clone()).collect()
}

const CONFIG: &str = "
[defaults]
deny = ['file:LIST', '10.0.0.1']
[[forward]]
name = 'inherits'
listen = ':1'
to = 'h:1'
[[forward]]
name = 'too'
listen = ':2'
to = 'h:1'
[[forward]]
name = 'names'
listen = ':3'
to = 'h:1'
deny = ['file:LIST', '10.0.0.1', 'file:LIST']
[[forward]]
name = 'allows'
listen = ':4'
to = 'h:1'
allow = 'file:LIST'
deny = []
[[forward]]
name = 'all'
listen = ':5'
to = 'h:1'
deny = []
";

#[test]
fn lists_have_the_prefixes_of_their_files() {
    let plan = Files::new(CONFIG, "10.1.0.0/16\n").plan();
    assert_eq!(serving(&plan, "10.0.0.1"), ["all"]);
    assert_eq!(serving(&plan, "10.1.0.1"), ["allows", "all"]);
    assert_eq!(serving(&plan, "10.2.0.1"), ["inherits", "too", "names", "all"]);
    assert!(plan.forwards[4].access.is_none(), "without lists there is nothing to look up");
}

#[test]
fn forwards_with_one_list_share_it() {
    let plan = Files::new(CONFIG, "10.1.0.0/16\n").plan();
    let access = |at: usize| Arc::as_ptr(plan.forwards[at].access.as_ref().unwrap());
    assert_eq!(access(0), access(1), "inherited");
    let contents = plan.forwards.iter().flat_map(|forward| {
        let settings = &forward.settings;
        let files = settings.allow.files().chain(settings.deny.files());
        files.map(|file| Arc::as_ptr(&file.prefixes)).collect::<Vec<_>>()
    });
    let contents: Vec<_> = contents.collect();
    assert_eq!(contents.len(), 4, "each file once in a list");
    assert!(contents.iter().all(|it| std::ptr::eq(*it, contents[0])));
    assert_eq!(plan.prefix_files().len(), 1);
}

#[test]
fn a_plan_keeps_the_lists_that_have_not_changed() {
    let files = Files::new(CONFIG, "10.1.0.0/16\n");
    let (running, mut same) = (files.plan(), files.plan());
    same.share_lists_with(&running);
    for (new, old) in same.forwards.iter().zip(&running.forwards) {
        assert_eq!(new.access.as_ref().map(Arc::as_ptr), old.access.as_ref().map(Arc::as_ptr));
    }
    assert!(PlanDiff::new(&running, &same).is_empty());
    files.write("list", "10.1.0.0/16\n10.2.0.0/16\n");
    let mut other = files.plan();
    other.share_lists_with(&running);
    assert_eq!(serving(&other, "10.2.0.1"), ["allows", "all"]);
    let diff = PlanDiff::new(&running, &other).to_string();
    assert_eq!(
        diff,
        "~ inherits  deny: 1 prefix added (10.2.0.0/16)\n\
         ~ too       deny: 1 prefix added (10.2.0.0/16)\n\
         ~ names     deny: 1 prefix added (10.2.0.0/16)\n\
         ~ allows    allow: 1 prefix added (10.2.0.0/16)\n\
         1 forward is unchanged\n"
    );
    files.write("list", "10.2.0.0/16\n10.1.0.0/16\n");
    let diff = PlanDiff::new(&other, &files.plan());
    assert!(diff.to_string().contains("deny: the same prefixes, written differently"), "{diff}");
}

#[test]
fn a_text_is_read_with_the_prefixes_of_earlier_files() {
    let files = Files::new(CONFIG, "10.1.0.0/16\n2001:db8::/32\n::ffff:10.3.0.0/112\n");
    let running = files.plan();
    let saved: Vec<_> = running
        .prefix_files()
        .into_iter()
        .map(|file| plan::prefix_file(file.path.clone(), &file.to_text()).unwrap())
        .collect();
    files.write("list", "broken");
    let text = running.text.as_deref().unwrap();
    let again = plan_of(plan::read_text_with(&files.input(), text, &saved));
    assert_eq!(again, running);
    let without = plan::read_text(&files.input(), text);
    assert!(without.plan.is_none(), "no file is opened, and none is taken for empty");
    assert!(plan::prefix_file("x".into(), "10.0.0.0/8\nhost\n").is_err());
}

/// A file of another kind, named by mistake, has a mistake on each line.
#[test]
fn mistakes_are_counted_beyond_a_thousand() {
    let mut text = String::new();
    (0..100_000).for_each(|number| writeln!(text, "line {number}").unwrap());
    let reading = Files::new(CONFIG, &text).read();
    assert!(reading.plan.is_none());
    assert_eq!(reading.problems.len(), 100_000);
    let last = reading.problems.iter().last().unwrap();
    assert!(last.to_string().contains("list:1000:1: error: `line 999`: "), "{last}");
    assert!(reading.problems.render(false).ends_with("and 99950 more problems\n"));
}
