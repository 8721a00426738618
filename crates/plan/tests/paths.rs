//! Every file has one role: no two paths of a plan may be the same file, however they are spelled.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use plan::{Input, Kind, Reading, Role, settings};
use tempfile::TempDir;

const ALL: [Role; 11] = [
    Role::Config,
    Role::Log,
    Role::AdminToken,
    Role::AdminSocket,
    Role::Listener,
    Role::Prefixes,
    Role::Keep,
    Role::StorePassword,
    Role::StoreCa,
    Role::StoreCertificate,
    Role::StoreKey,
];

/// Roles that stand in one table.
const TOGETHER: [&[Role]; 2] = [&[Role::AdminToken, Role::AdminSocket], ALL.split_at(6).1];

/// Ends a line that has a slash, and not the path of a role.
const ASIDE: &str = "# aside";

/// A `[fleet]` with these lines.
fn fleet(lines: &str) -> String {
    format!("[fleet]\nfrom = \"etcds://h/p\" {ASIDE}\n{lines}")
}

/// A configuration with these paths, in this order.
fn text(paths: &[(Role, &str)]) -> String {
    let table = |(role, path): &(Role, &str)| match role {
        Role::Config => String::new(),
        Role::Log => format!("[log]\nfile = \"{path}\"\n"),
        Role::AdminToken => {
            format!("[process]\nadmin = \"127.0.0.1:9180\"\nadmin_token_file = \"{path}\"\n")
        }
        Role::AdminSocket => format!("[process]\nadmin = \"unix:{path}\"\n"),
        Role::Listener => format!("[[forward]]\nlisten = \"unix:{path}\"\nto = \"h:80\"\n"),
        Role::Prefixes => format!("[defaults]\ndeny = \"file:{path}\"\n"),
        Role::Keep => fleet(&format!("keep = \"{path}\"\n")),
        Role::StorePassword => fleet(&format!("user = \"u\"\npassword_file = \"{path}\"\n")),
        Role::StoreCa => fleet(&format!("ca = \"{path}\"\n")),
        // The other one of the pair is at another place.
        Role::StoreCertificate => {
            fleet(&format!("certificate = \"{path}\"\nkey = \"/k\" {ASIDE}\n"))
        }
        Role::StoreKey => fleet(&format!("key = \"{path}\"\ncertificate = \"/c\" {ASIDE}\n")),
    };
    let tables: String = paths.iter().map(table).collect();
    tables + "[[forward]]\nlisten = \":18080\"\nto = \"h:80\"\n"
}

/// Problems of a text, without file system access.
fn by_text(config: &str, text: &str, forwards: &[&str]) -> Vec<String> {
    let forwards = forwards.iter().map(|&forward| forward.to_owned()).collect();
    let input = Input { config: Some(config.into()), forwards, ..Input::default() };
    statements(&plan::read_text(&input, text))
}

fn statements(reading: &Reading) -> Vec<String> {
    assert_eq!(reading.plan.is_none(), reading.problems.has_errors());
    reading.problems.iter().map(ToString::to_string).collect()
}

/// A directory in which several paths lead to `real/file`, with a configuration beside it.
struct Paths {
    dir: TempDir,
}

impl Paths {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("real")).unwrap();
        symlink("real", at("link")).unwrap();
        // Links to neighbours that may not exist.
        symlink("file", at("real/soft")).unwrap();
        symlink(at("real/soft"), at("far")).unwrap();
        Self { dir }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Paths of `real/file`, whether it exists or not.
    fn spellings(&self) -> Vec<String> {
        let names = ["real/file", "real/./file", "real//file", "real/../real/file", "link/file"];
        let links = ["link/../real/file", "real/soft", "link/soft", "far"];
        names.iter().chain(&links).map(|name| self.at(name).display().to_string()).collect()
    }

    /// Writes a configuration with this text and returns its problems.
    fn problems(config: &Path, text: &str) -> Vec<String> {
        fs::write(config, text).unwrap();
        let input = Input { config: Some(config.to_owned()), ..Input::default() };
        let statements = statements(&plan::read(&input));
        // Messages have the path as given; the directory of this test is removed.
        let folder = format!("{}/", config.parent().unwrap().display());
        statements.iter().map(|it| it.replacen(&folder, "", 1)).collect()
    }
}

#[test]
fn every_setting_with_a_path_has_its_own_role() {
    let roles: Vec<_> = settings()
        .iter()
        .filter_map(|setting| match setting.kind {
            Kind::Path(role) => Some(role),
            Kind::Or(_, Kind::Path(role)) => Some(*role),
            _ => None,
        })
        .collect();
    assert!(roles.len() >= 2, "{roles:?}");
    for (index, role) in roles.iter().enumerate() {
        assert!(!roles[..index].contains(role), "two settings are {role:?}");
        assert!(ALL.contains(role), "{role:?} is not tested here");
    }
}

/// Pairs of roles that could share a file.
fn pairs() -> impl Iterator<Item = [Role; 2]> {
    let both = |first: Role| ALL.into_iter().map(move |second| [first, second]);
    ALL.into_iter().flat_map(both).filter(|pair| {
        // No setting names the configuration, and there is one log, one admin interface and one fleet.
        pair[1] != Role::Config
            && (pair[0] != pair[1] || pair[0] == Role::Listener)
            && !TOGETHER.iter().any(|table| pair.iter().all(|role| table.contains(role)))
    })
}

#[test]
fn no_two_roles_share_a_missing_file() {
    let paths = Paths::new();
    // A missing file of prefixes has another error.
    let may_be_missing = |role: &Role| !matches!(role, Role::Config | Role::Prefixes);
    for [first, second] in pairs().filter(|pair| pair.iter().all(may_be_missing)) {
        for one in paths.spellings() {
            for other in paths.spellings() {
                let text = text(&[(first, &one), (second, &other)]);
                expect_one(&Paths::problems(&paths.at("c.toml"), &text), first, second, &text);
            }
        }
        let (one, other) = (paths.at("real/one"), paths.at("real/other"));
        let (one, other) = (one.display().to_string(), other.display().to_string());
        let text = text(&[(first, &one), (second, &other)]);
        assert_eq!(Paths::problems(&paths.at("c.toml"), &text), [""; 0], "{text}");
    }
}

#[test]
fn no_two_roles_share_an_existing_file() {
    let paths = Paths::new();
    fs::write(paths.at("real/file"), "").unwrap();
    fs::hard_link(paths.at("real/file"), paths.at("hard")).unwrap();
    let spellings = || {
        let hard = paths.at("hard").display().to_string();
        paths.spellings().into_iter().chain([hard])
    };
    for [first, second] in pairs() {
        for (one, other) in
            spellings().flat_map(|one| spellings().map(move |two| (one.clone(), two)))
        {
            // It may have been the configuration.
            fs::write(paths.at("real/file"), "").unwrap();
            let text = text(&[(first, &one), (second, &other)]);
            let config =
                if first == Role::Config { PathBuf::from(one) } else { paths.at("c.toml") };
            expect_one(&Paths::problems(&config, &text), first, second, &text);
        }
    }
}

/// Expects one problem, at the value of the second role, that names both.
#[track_caller]
fn expect_one(problems: &[String], first: Role, second: Role, text: &str) {
    let [problem] = problems else { panic!("one problem is expected: {problems:#?}\n{text}") };
    if problem.contains("is already listened on by") {
        // Sockets at one path are an address conflict, and the admin interface is claimed first.
        return;
    }
    let line = |nth: usize| {
        let has_path = |line: &str| line.contains('/') && !line.ends_with(ASIDE);
        let mut lines = text.lines().zip(1..).filter(|(line, _)| has_path(line));
        lines.nth(nth).unwrap().1
    };
    let later = line(usize::from(first != Role::Config));
    assert!(problem.contains(&format!(":{later}:")), "{problem}\n{text}");
    assert!(problem.contains(&format!("error: {} `", second.noun())), "{problem}\n{text}");
    let earlier = format!("is the same file as {} `", first.noun());
    assert!(problem.contains(&earlier), "{problem}\n{text}");
    assert_eq!(problem.contains("(line "), first != Role::Config, "{problem}\n{text}");
    let help = format!("(give {} another path)", second.noun());
    assert!(problem.ends_with(&help), "{problem}\n{text}");
}

#[test]
fn the_files_of_tls_may_be_one_and_no_other_of_a_fleet() {
    let of_tls = [("ca", "the file of authorities"), ("certificate", ""), ("key", "")];
    let all = [("keep", "the directory of `keep`"), ("password_file", "the password file")];
    let names: Vec<_> = all.into_iter().chain(of_tls).map(|(key, _)| key).collect();
    for (at, one) in names.iter().enumerate() {
        for other in &names[at + 1..] {
            let path = |key: &&str| {
                if [one, other].contains(&key) { "/d/x".to_owned() } else { format!("/d/{key}") }
            };
            let lines = names.iter().map(|key| format!("{key} = \"{}\"\n", path(key)));
            let text = fleet(&format!("user = \"u\"\n{}", lines.collect::<String>()));
            let problems = by_text("/d/c.toml", &text, &[]);
            let may_share = [one, other].iter().all(|key| of_tls.iter().any(|(it, _)| it == *key));
            assert_eq!(problems.is_empty(), may_share, "{problems:?}\n{text}");
            let is_the_same = |problem: &String| problem.contains("is the same file as");
            assert!(problems.iter().all(is_the_same) && problems.len() < 2, "{problems:?}");
        }
    }
}

#[test]
fn several_lists_share_a_file_of_prefixes() {
    let paths = Paths::new();
    fs::write(paths.at("real/file"), "10.0.0.0/8\n").unwrap();
    let lists = |one: &str, other: &str| {
        format!(
            "[defaults]\nallow = ['file:{one}', 'file:{one}']\n\
             [[forward]]\nlisten = ':1'\nto = 'h:80'\ndeny = 'file:{other}'\n"
        )
    };
    for one in paths.spellings() {
        for other in paths.spellings() {
            let problems = Paths::problems(&paths.at("c.toml"), &lists(&one, &other));
            assert_eq!(problems, [""; 0], "{one} {other}");
        }
    }
}

#[test]
fn without_the_file_system_the_text_is_compared() {
    let log = |path: &str| text(&[(Role::Log, path)]);
    assert_eq!(
        by_text("/d/c.toml", &log("/d/c.toml"), &[]),
        [
            "/d/c.toml:2:9: error: the log file `/d/c.toml` is the same file as the configuration file \
          `/d/c.toml` (give the log file another path)"
        ]
    );
    assert_eq!(by_text("/d/c.toml", &log("/d//./c.toml"), &[]).len(), 1);
    assert_eq!(by_text("c.toml", &log("./c.toml"), &[]).len(), 1);
    // Symbolic links and the current directory are unknown here.
    for other in ["/d/x/../c.toml", "c.toml", "/d/d.toml"] {
        assert_eq!(by_text("/d/c.toml", &log(other), &[]), [""; 0], "{other}");
    }
}

#[test]
fn the_later_path_gets_the_error_whatever_the_table_order() {
    let text = "[[forward]]\nlisten = 'unix:/d/x'\nto = 'h:80'\n[log]\nfile = '/d/x'\n";
    assert_eq!(
        by_text("/d/c.toml", text, &[]),
        [
            "/d/c.toml:5:9: error: the log file `/d/x` is the same file as the listener's socket `/d/x` \
          (line 2) (give the log file another path)"
        ]
    );
}

#[test]
fn forwards_of_the_command_line_are_compared_with_files_of_both_formats() {
    for text in ["18080 | h | 80\n", "[[forward]]\nlisten = ':18080'\nto = 'h:80'\n"] {
        assert_eq!(
            by_text("/d/c", text, &["unix:/d/c=h:81"]),
            [
                "command line: error: the listener's socket `/d/c` is the same file as the configuration \
              file `/d/c` (give the listener's socket another path)"
            ]
        );
    }
    let log = text(&[(Role::Log, "/d/x")]);
    let [problem] = &by_text("/d/c", &log, &["unix:/d/x=h:81"])[..] else { panic!("one problem") };
    assert!(problem.contains("the same file as the log file `/d/x` (/d/c:2:9)"), "{problem}");
}

#[test]
fn an_unused_token_file_may_be_any_path() {
    let token = "[process]\nadmin_token_file = '/d/x'\n".to_owned();
    assert_eq!(by_text("/d/c", &(token + &text(&[(Role::Log, "/d/x")])), &[]), [""; 0]);
}

#[test]
fn names_of_rotated_files_are_taken() {
    let with = |rotation: &str, log: &str, socket: &str, log_first: bool| {
        let log = format!("[log]\nfile = '{log}'\n{rotation}\n");
        let forward = format!("[[forward]]\nlisten = 'unix:{socket}'\nto = 'h:80'\n");
        let text = if log_first { log + &forward } else { forward + &log };
        by_text("/d/c", &text, &[])
    };
    for rotation in ["rotate_size = '1MiB'", "rotate_age = '1h'"] {
        for taken in ["/d/log.1", "/d/log.5", "/d/log.12", "/d/log.new", "/d/./log.1"] {
            let [problem] = &with(rotation, "/d/log", taken, true)[..] else { panic!("{taken}") };
            let name = format!(
                "/d/c:5:11: error: the listener's socket `{taken}` has a name that the rotation of the \
                 log file `/d/log` (line 2) uses (give the listener's socket another path)"
            );
            assert_eq!(*problem, name);
            let [problem] = &with(rotation, "/d/log", taken, false)[..] else { panic!("{taken}") };
            let name = format!(
                "/d/c:5:9: error: the rotation of the log file `/d/log` uses the name of the \
                 listener's socket `{taken}` (line 2) (give the log file another path)"
            );
            assert_eq!(*problem, name);
        }
        for free in ["/d/log.0", "/d/log.01", "/d/log.x", "/d/log.", "/d/log1", "/e/log.1"] {
            assert_eq!(with(rotation, "/d/log", free, true), [""; 0], "{free}");
            assert_eq!(with(rotation, "/d/log", free, false), [""; 0], "{free}");
        }
    }
    assert_eq!(with("", "/d/log", "/d/log.1", true), [""; 0], "nothing is rotated");
    // The configuration file comes first.
    let log =
        "[log]\nfile = '/d/log'\nrotate_size = '1MiB'\n[[forward]]\nlisten = ':1'\nto = 'h:1'\n";
    let [problem] = &by_text("/d/log.1", log, &[])[..] else { panic!("one problem") };
    assert!(problem.contains("uses the name of the configuration file `/d/log.1`"), "{problem}");
}

/// Rotation renames files beside the log's own name, not beside the target of a link.
#[test]
fn rotation_of_a_link_is_beside_the_link() {
    let paths = Paths::new();
    let log = paths.at("far").display().to_string();
    for (socket, is_taken) in [("far.1", true), ("real/soft.1", false), ("real/file.1", false)] {
        let socket = paths.at(socket).display().to_string();
        let text = text(&[(Role::Log, &log), (Role::Listener, &socket)]).replace(
            "[[forward]]\nlisten = \"unix",
            "rotate_size = '1MiB'\n[[forward]]\nlisten = \"unix",
        );
        let problems = Paths::problems(&paths.at("c.toml"), &text);
        assert_eq!(problems.len(), usize::from(is_taken), "{problems:?}");
    }
}

#[test]
fn missing_directories_are_compared_by_text() {
    let paths = Paths::new();
    let at = |name: &str| paths.at(name).display().to_string();
    for other in ["gone/there/../file", "link/../gone/file", "gone/./file"] {
        let text = text(&[(Role::Log, &at("gone/file")), (Role::Listener, &at(other))]);
        let problems = Paths::problems(&paths.at("c.toml"), &text);
        expect_one(&problems, Role::Log, Role::Listener, &text);
    }
}

/// A circle of symbolic links fails later, when the file is opened.
#[test]
fn circles_of_links_end() {
    let paths = Paths::new();
    symlink("b", paths.at("a")).unwrap();
    symlink("a", paths.at("b")).unwrap();
    let at = |name: &str| paths.at(name).display().to_string();
    let text = text(&[(Role::Log, &at("a")), (Role::Listener, &at("real/x"))]);
    assert_eq!(Paths::problems(&paths.at("c.toml"), &text), [""; 0]);
}
