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

/// A plan with this store, and its files in these directories.
fn fleet_plan(at: &Path, from: &str, files: &str) -> Plan {
    let text = format!("[fleet]\nfrom = '{from}'\nkeep = '{0}/keep'\n{files}", at.display());
    plan_of(&text, &at.join("etc/config"))
}

/// Reads and writes files in a thread that is in the sandbox. `None` where the kernel has none.
fn in_sandbox<R: Send + 'static>(
    sandbox: Sandbox,
    act: impl FnOnce() -> R + Send + 'static,
) -> Option<R> {
    let enter = move || match Domain::of(&sandbox).enter().unwrap() {
        Kernel::Restricts { .. } => Some(act()),
        Kernel::HasNone(_) => None,
    };
    std::thread::spawn(enter).join().unwrap()
}

#[test]
fn an_instance_of_a_fleet_reads_the_files_of_its_store_and_writes_into_keep() {
    let dir = tempfile::tempdir().unwrap();
    let at = fs::canonicalize(dir.path()).unwrap();
    let files = [("password_file", "a"), ("ca", "b"), ("certificate", "c"), ("key", "d")];
    for name in ["keep", "etc", "other"].into_iter().chain(files.map(|(_, directory)| directory)) {
        fs::create_dir(at.join(name)).unwrap();
        fs::write(at.join(name).join("file"), "").unwrap();
    }
    let file = |(key, directory)| format!("{key} = '{}/{directory}/file'\n", at.display());
    let settings = format!("user = 'x'\n{}", files.map(file).concat());
    let plan = fleet_plan(&at, "etcds://host/p", &settings);
    let sandbox = Sandbox::of(&plan, None).unwrap().with_system();
    assert_eq!(sandbox.check(&plan), Ok(()));
    let found = in_sandbox(sandbox, move || {
        // A certificate is renewed by another file in its place.
        let reads = |directory: &str| fs::read(at.join(directory).join("file")).is_ok();
        let keep = at.join("keep");
        let moved = fs::write(keep.join("new"), "")
            .and_then(|()| fs::rename(keep.join("new"), keep.join("state.json")));
        let synced = fs::File::open(&keep).and_then(|keep| keep.sync_all());
        (
            files.map(|(_, directory)| reads(directory)),
            reads("other"),
            moved.is_ok() && synced.is_ok(),
        )
    });
    let Some(found) = found else { return };
    assert_eq!(found, ([true; 4], false, true));
}

#[test]
fn without_ca_the_authorities_of_the_host_are_readable_with_tls() {
    let dir = tempfile::tempdir().unwrap();
    let at = fs::canonicalize(dir.path()).unwrap();
    for name in ["keep", "etc", "a", "b"] {
        fs::create_dir(at.join(name)).unwrap();
    }
    fs::write(at.join("b/bundle"), "").unwrap();
    symlink(at.join("b/bundle"), at.join("a/link")).unwrap();
    let [missing, link, later] = ["a/missing", "a/link", "etc/later"].map(|file| at.join(file));
    let chosen = needs::authorities([&*missing, &link, &later].into_iter()).expect("a link");
    assert_eq!(place(&chosen.path).unwrap(), [at.join("a"), at.join("b")]);
    let ca = format!("ca = '{}/b/bundle'\n", at.display());
    let named = |from: &str, files: &str| {
        let needs = needs(&fleet_plan(&at, from, files));
        needs.iter().filter(|it| it.to_string().contains("this host trusts")).count()
    };
    let has_some = plan::HOST_AUTHORITIES.iter().any(|file| Path::new(file).exists());
    assert_eq!(named("etcds://host/p", ""), usize::from(has_some));
    assert_eq!((named("etcds://host/p", &ca), named("etcd://host/p", "")), (0, 0));
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
