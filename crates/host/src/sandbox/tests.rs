use super::*;
use std::fs;
use std::os::unix::fs::symlink;

fn plan_of(text: &str, config: &Path) -> Plan {
    let input = plan::Input { config: Some(config.to_owned()), ..plan::Input::default() };
    let reading = plan::read_text(&input, text);
    reading.plan.unwrap_or_else(|| panic!("{}", reading.problems.render(false)))
}

/// Calls `test` with a directory that contains `a`, `b` and `etc`, and with a function that makes a
/// plan from paths of a log and a Unix listener.
fn with_directories(test: impl FnOnce(&Path, &dyn Fn(&str, &str) -> Plan)) {
    let dir = tempfile::tempdir().unwrap();
    let at = fs::canonicalize(dir.path()).unwrap();
    for name in ["a", "b", "etc"] {
        fs::create_dir(at.join(name)).unwrap();
    }
    let plan = |log: &str, socket: &str| {
        let path = at.display();
        let written = format!(
            "[process]\nadmin = 'off'\n[log]\nfile = '{path}/{log}'\n\
             [[forward]]\nname = 'web'\nlisten = 'unix:{path}/{socket}'\nto = 'host:9'\n"
        );
        plan_of(&written, &at.join("etc/config"))
    };
    test(&at, &plan);
}

#[test]
fn check_reports_each_path_outside_the_sandbox() {
    with_directories(|at, plan| {
        let sandbox = Sandbox::of(&plan("a/log", "a/socket"), None).unwrap().with_system();
        assert_eq!(sandbox.check(&plan("a/other", "a/another")), Ok(()));
        let refusals = sandbox.check(&plan("b/log", "etc/socket")).unwrap_err();
        let refusals: Vec<_> = refusals.iter().map(ToString::to_string).collect();
        assert_eq!(refusals.len(), 2, "{refusals:?}");
        let log = format!("`file` in [log] `{0}/b/log`: the sandbox", at.display());
        assert!(refusals[0].starts_with(&log), "{refusals:?}");
        assert!(refusals[1].starts_with("`listen` of forward `web` ("), "{refusals:?}");
        assert_eq!(sandbox.refuses_config(&at.join("a/config")), None, "read where it is written");
        assert!(sandbox.refuses_config(&at.join("b/config")).is_some());
        assert!(sandbox.refuses_program(&at.join("a/program")).is_some(), "no program is there");
    });
}

/// The kernel checks the target of a link.
#[test]
fn reading_through_a_link_needs_the_directory_of_its_target() {
    with_directories(|at, plan| {
        let sandbox = Sandbox::of(&plan("a/log", "a/socket"), None).unwrap();
        for (link, target) in [("b/inwards", "a/config"), ("a/outwards", "b/config")] {
            fs::write(at.join(target), "").unwrap();
            symlink(at.join(target), at.join(link)).unwrap();
        }
        assert_eq!(sandbox.refuses_config(&at.join("b/inwards")), None);
        assert!(sandbox.refuses_config(&at.join("a/outwards")).is_some());
    });
}

#[test]
fn all_paths_that_cannot_be_in_a_sandbox_are_reported_at_once() {
    with_directories(|_, plan| {
        let faults = Sandbox::of(&plan("missing/log", "gone/socket"), Some(Path::new("/program")));
        let faults = faults.unwrap_err().faults();
        let expected = ["Create it before", "Create it before", "it is in `/`"];
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        for (fault, expected) in faults.iter().zip(expected) {
            assert!(fault.contains(expected), "{fault}");
        }
    });
}

#[test]
fn a_saved_sandbox_is_restored_unchanged() {
    with_directories(|_, plan| {
        let sandbox = Sandbox::of(&plan("a/log", "b/socket"), None).unwrap().with_system();
        assert_eq!(Sandbox::from_saved(&sandbox.saved()), sandbox);
    });
}
