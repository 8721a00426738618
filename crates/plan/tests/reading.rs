//! Results of `read` for arguments, overrides and files of every kind.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use plan::{
    Admin, ForwardSettings, Input, Keepalive, NoneUp, OnDown, Overrides, Plan, Reading,
    StatusRange, Target,
};

fn read(config: Option<&str>, forwards: &[&str]) -> Reading {
    read_with(config, forwards, Overrides::default())
}

fn read_with(config: Option<&str>, forwards: &[&str], overrides: Overrides) -> Reading {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(config.unwrap_or_default().as_bytes()).unwrap();
    plan::read(&Input {
        config: config.map(|_| file.path().to_owned()),
        forwards: forwards.iter().map(|&text| text.to_owned()).collect(),
        overrides,
        ..Input::default()
    })
}

fn plan_of(reading: Reading) -> Plan {
    assert!(!reading.problems.has_errors(), "{}", reading.problems.render(false));
    reading.plan.unwrap()
}

fn routes(plan: &Plan) -> Vec<String> {
    let routes = plan.forwards.iter().flat_map(|forward| &forward.routes);
    routes.map(|route| format!("{} -> {}", route.listen, route.target_addresses(9))).collect()
}

fn problems(reading: &Reading) -> String {
    let lines: Vec<_> = reading.problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn one_line_forwards() {
    let cases = [
        ("18080=127.0.0.1:8080", ":18080 -> 127.0.0.1:8080"),
        (":18080=web:80", ":18080 -> web:80"),
        ("127.0.0.1:5432=db.internal:5432", "127.0.0.1:5432 -> db.internal:5432"),
        ("[::1]:80=[::1]:81", "[::1]:80 -> [::1]:81"),
        ("unix:/a=unix:/b", "unix:/a -> unix:/b"),
        ("80 = unix:/b=c", ":80 -> unix:/b=c"),
        ("fd:web.socket=h:80", "fd:web.socket -> h:80"),
        ("18080=a:80,b:80", ":18080 -> a:80, b:80"),
        ("80 = [::1]:1 , unix:/b", ":80 -> [::1]:1, unix:/b"),
        ("80=unix:/a,b", ":80 -> unix:/a,b"),
        ("80=unix:/a,unix:/b", ":80 -> unix:/a, unix:/b"),
        ("8080:web:80", ":8080 -> web:80"),
        ("8080:[::1]:80", ":8080 -> [::1]:80"),
        ("127.0.0.1:8080:web:80", "127.0.0.1:8080 -> web:80"),
        ("[::1]:8080:[::2]:80", "[::1]:8080 -> [::2]:80"),
        ("*:8080:web:80", ":8080 -> web:80"),
        (":8080:web:80", ":8080 -> web:80"),
    ];
    for (text, expected) in cases {
        assert_eq!(routes(&plan_of(read(None, &[text]))), [expected], "{text}");
    }
}

#[test]
fn one_line_problems_show_the_text() {
    let cases = [
        ("", "is not a forward"),
        ("8080", "`8080` is not a forward (the target is missing: write `8080=HOST:PORT`)"),
        ("127.0.0.1:8080", "(where to listen is missing: write `18080=127.0.0.1:8080`)"),
        ("word", "`word` is not a forward (write LISTEN=TARGET"),
        ("forwards.toml", "`forwards.toml` is not a forward (a configuration file"),
        ("etc/x.conf", "given with `-c FILE`"),
        ("a=b=c", "`a` has no port"),
        ("=x:1", "the address is empty"),
        ("1=", "the address is empty"),
        ("1=x", "`x` has no port"),
        ("0=x:1", "`0` is not a port: ports go from 1 to 65535"),
        ("1=x:65536", "`65536` is not a port"),
        ("localhost:x:h:80", "`x` is not a port"),
        ("1:2:3:4:5", "`1:2:3:4:5` is not a forward"),
        ("fd:=h:80", "the name of the descriptor is missing"),
        ("fd:a:b=h:80", "`a:b` is not the name of a descriptor"),
        ("fd:a b=h:80", "`a b` is not the name of a descriptor"),
        ("fd:web=h:80-81", "1 listening port meets 2"),
        ("80=127.0.0.1:80", "`127.0.0.1:80` is this forward's own listener"),
        (":8000-8010=h:80", "11 listening ports meet 1"),
        (":80=h:8000-8010", "1 listening port meets 11"),
        ("80=a:80,b", "`b` has no port"),
        ("80=a:80,", "the address is empty"),
        ("80:a:1,b:2", "(a list of targets needs `=`: 80=a:1,b:2)"),
        ("::1:80:a:1,b:2", "is not a forward"),
        ("127.0.0.1:80:[::1]:1,b:2", "(a list of targets needs `=`: 127.0.0.1:80=[::1]:1,b:2)"),
        ("80=a:1;b:2", "(separate targets by commas)"),
        ("80=a:1|b:2", "(separate targets by commas)"),
        ("80=SRV:_pg._tcp.x", "(did you mean `srv:`?)"),
        ("80=dns://db:5432", "(write `dns:db:5432`)"),
        ("80:dns://db:5432", "(write `dns:db:5432`)"),
        ("80=a:80,A:80", "the target `A:80` is already in this list (leave it out"),
        (":80-81=a:80-81,b:80", "1 target port stands beside 2 in the first target"),
        ("80=a:80,127.0.0.1:80", "`127.0.0.1:80` is this forward's own listener"),
    ];
    for (text, expected) in cases {
        let reading = read(None, &[text]);
        assert!(reading.plan.is_none(), "{text}");
        let problems = problems(&reading);
        assert!(problems.starts_with("command line: error: "), "{problems}");
        assert!(problems.contains(expected), "{text}: {problems}");
        assert!(reading.problems.render(false).contains(text), "{text}");
    }
}

#[test]
fn ranges_map_port_by_port() {
    let plan = plan_of(read(None, &[":8000-8002=h:9000-9002"]));
    assert_eq!(routes(&plan), [":8000 -> h:9000", ":8001 -> h:9001", ":8002 -> h:9002"]);
    assert_eq!(plan.forwards[0].name, ":8000-8002");
    let all = plan_of(read(None, &["1-65535=h:1-65535"]));
    let last = all.forwards[0].routes.last().unwrap();
    assert_eq!((all.forwards[0].routes.len(), last.listen.port()), (65535, Some(65535)));
    let reading = read(None, &["1-65535=h:1-65535", "127.0.0.1:1-65535=h:1-65535"]);
    assert!(problems(&reading).contains("more than 100000 listeners"), "{}", problems(&reading));
}

#[test]
fn ranges_of_a_list_map_port_by_port() {
    let file = "[[forward]]\nlisten = [':80-81', '127.0.0.1:90-91']\n\
                to = ['a:1-2', { address = 'b:8-9', weight = 3 }]\n";
    let plan = plan_of(read(Some(file), &[]));
    let expected = [
        ":80 -> a:1, b:8",
        ":81 -> a:2, b:9",
        "127.0.0.1:90 -> a:1, b:8",
        "127.0.0.1:91 -> a:2, b:9",
    ];
    assert_eq!(routes(&plan), expected);
    let weights = plan.forwards[0].routes.iter().map(|it| it.targets[1].options.weight.get());
    assert_eq!(weights.collect::<Vec<_>>(), [3; 4]);
}

#[test]
fn sets_are_targets_of_the_command_line() {
    let plan = plan_of(read(None, &["18080=dns:web.test:80,srv:_web._tcp.test,10.0.0.1:80"]));
    assert_eq!(routes(&plan), [":18080 -> dns:web.test:80, srv:_web._tcp.test, 10.0.0.1:80"]);
    let is_set = plan.forwards[0].routes[0].targets.iter().map(|it| it.address.is_set());
    assert_eq!(is_set.collect::<Vec<_>>(), [true, true, false]);
    let hosts = plan_of(read(None, &["18080=dns:53", "18081=srv:80-80"]));
    assert_eq!(routes(&hosts), [":18080 -> dns:53", ":18081 -> srv:80"]);
    let is_set = hosts.forwards.iter().map(|it| it.routes[0].targets[0].address.is_set());
    assert_eq!(is_set.collect::<Vec<_>>(), [false, false], "hosts with these names");
}

#[test]
fn the_number_of_targets_is_limited() {
    let list = |count: usize| (0..count).map(|it| format!("'h{it}:1-1000'")).collect::<Vec<_>>();
    let file = |count: usize, ports: &str| {
        let to = list(count).join(", ").replace("1-1000", ports);
        format!("[[forward]]\nlisten = ':{ports}'\nto = [{to}]\n")
    };
    assert_eq!(
        plan_of(read(Some(&file(1024, "1")), &[])).forwards[0].routes[0].targets.len(),
        1024
    );
    let reading = read(Some(&file(1025, "1")), &[]);
    assert!(problems(&reading).contains("at most 1024 targets"), "{}", problems(&reading));
    let reading = read(Some(&file(1001, "1-1000")), &[]);
    assert!(problems(&reading).contains("more than 1000000 targets"), "{}", problems(&reading));
}

#[test]
fn arguments_add_to_the_file_and_take_its_defaults() {
    let file = "[defaults]\nmax_sessions = 5\n[[forward]]\nlisten = ':1'\nto = 'h:1'\n";
    let plan = plan_of(read(Some(file), &["2=h:2"]));
    assert_eq!(routes(&plan), [":1 -> h:1", ":2 -> h:2"]);
    assert!(plan.forwards.iter().all(|forward| forward.settings.max_sessions.get() == 5));
    assert_eq!(plan.forwards[0].location.line, 3);
    assert_eq!(plan.forwards[1].location.source, plan::COMMAND_LINE);

    let clash = read(Some("1 | h | 1\n"), &["1=h:2"]);
    assert!(problems(&clash).starts_with("command line: error: `:1` is already"));
    assert_eq!(routes(&plan_of(read(Some("# nothing\n"), &["1=h:2"]))), [":1 -> h:2"]);
}

#[test]
fn a_plan_knows_the_file_it_was_read_from() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"1 | h | 1\n").unwrap();
    let config = Some(file.path().to_owned());
    let input =
        Input { config: config.clone(), forwards: vec!["2=h:2".into()], ..Input::default() };
    assert_eq!(plan_of(plan::read(&input)).config, config);
    let plan = plan_of(read(None, &["2=h:2"]));
    assert_eq!((plan.config, plan.process.admin), (None, Admin::AUTO));
}

#[test]
fn forward_settings_override_defaults() {
    let file = "[defaults]\nconnect_timeout = '1s'\nmax_age = '1h'\nkeepalive = { idle = '9s' }\n\
                [[forward]]\nlisten = ':1'\nto = 'h:1'\nmax_age = 'off'\nkeepalive = { count = 2 }\n\
                [[forward]]\nlisten = ':2'\nto = 'h:1'\nkeepalive = 'off'\n";
    let plan = plan_of(read(Some(file), &[]));
    let [first, second] = &plan.forwards[..] else { panic!("two forwards") };
    let second_of = Duration::from_secs;
    let keepalive = Keepalive { idle: second_of(9), interval: second_of(10), count: 2 };
    let expected = ForwardSettings {
        connect_timeout: second_of(1),
        max_age: None,
        keepalive: Some(keepalive),
        ..ForwardSettings::default()
    };
    assert_eq!(first.settings, expected);
    assert_eq!(second.settings.max_age, Some(second_of(3600)));
    assert_eq!(second.settings.keepalive, None);

    let overrides = Overrides {
        timeout: Some("30s".into()),
        max_conns: Some("9".into()),
        ..Overrides::default()
    };
    for forward in plan_of(read_with(Some(file), &["3=h:3"], overrides)).forwards {
        assert_eq!(forward.settings.connect_timeout, second_of(30));
        assert_eq!(forward.settings.idle_timeout, Some(second_of(30)));
        assert_eq!(forward.settings.max_sessions.get(), 9);
    }
}

#[test]
fn a_check_keeps_the_times_from_above_and_decides_what_happens_to_sessions() {
    let plan = plan_of(read(Some(include_str!("samples/valid/checks.toml")), &[]));
    let check = |at: usize| plan.forwards[at].settings.check.as_ref();
    let what = |at: usize| {
        let check = check(at).unwrap();
        let exchange = (check.send.as_deref(), check.expect.as_deref());
        (check.connect, check.tls, check.http.as_deref(), exchange)
    };
    let counts = |at: usize| check(at).map(|check| (check.every.as_secs(), check.fall, check.rise));
    assert_eq!((what(0), counts(0)), ((false, true, None, (None, None)), Some((5, 5, 2))));
    assert_eq!((what(1), counts(1)), ((true, false, None, (None, None)), Some((5, 5, 2))));
    let ping = (Some("PING\r\n"), Some("+PONG"));
    assert_eq!((what(2), counts(2)), ((false, false, None, ping), Some((5, 5, 1))));
    assert_eq!((what(3), counts(3)), ((false, true, None, (None, None)), Some((1, 5, 2))));
    assert_eq!(check(4), None);
    assert_eq!(what(5), (false, false, Some("/"), (None, None)));
    assert_eq!(check(5).unwrap().status, StatusRange { first: 204, last: 204 });
    let on_failure = |at: usize| {
        let settings = &plan.forwards[at].settings;
        (settings.when_none_up(), settings.when_down())
    };
    assert_eq!(on_failure(0), (NoneUp::Try, OnDown::Keep));
    assert_eq!(on_failure(2), (NoneUp::Try, OnDown::Reset), "`none_up` is given");
    assert_eq!(on_failure(4), (NoneUp::Try, OnDown::Keep));
    assert_eq!(on_failure(5), (NoneUp::Refuse, OnDown::Keep), "`on_down` is given");
}

#[test]
fn overrides_are_checked() {
    let timeouts = [
        ("5", "no unit"),
        ("off", "cannot be switched off"),
        ("0s", "shorter than 1ms"),
        ("0", "`0` is shorter than 1ms"),
    ];
    for (text, expected) in timeouts {
        let overrides = Overrides { timeout: Some(text.into()), ..Overrides::default() };
        let reading = read_with(None, &["1=h:1", "x"], overrides);
        let problems = problems(&reading);
        assert!(problems.contains(expected) && problems.contains("`x` is not"), "{problems}");
        assert!(reading.problems.render(false).contains(&format!("--timeout {text}")));
    }
    for text in ["0", "-1", "x", "", "1.5", "4294967296", "+"] {
        let overrides = Overrides { max_conns: Some(text.into()), ..Overrides::default() };
        let reading = read_with(None, &["1=h:1"], overrides);
        assert!(reading.plan.is_none(), "{text}");
        assert!(problems(&reading).contains("is not a whole number from 1 up"), "{text}");
    }
}

#[test]
fn invalid_lines_are_skipped() {
    let reading = read(Some("1 | h | 1\n1 | h | 2\nx | h | 3\n4 | 127.0.0.1 | 1\n5 | h | 5"), &[]);
    assert_eq!(reading.problems.len(), 3, "{}", problems(&reading));
    assert!(!reading.problems.has_errors());
    assert_eq!(routes(&plan_of(reading)), [":1 -> h:1", ":5 -> h:5"]);
    let reading = read(Some("1 | h | 1 | 2\n"), &[]);
    assert!(reading.plan.is_none() && reading.problems.has_errors());
}

#[test]
fn new_problems_are_distinguished_from_old_ones() {
    let wrong = |text: &str| read(Some(text), &[]).problems;
    let before = wrong("1 | h | 1\nx | h | 2\n1 | h | 3\n");
    // Independent of their position.
    let same = wrong("1 | h | 1\n\n1 | h | 3\n4 | h | 4\nx | h | 2\n");
    assert!(same.len() == 2 && same.unless_in(&before).is_empty());
    let new = wrong("1 | h | 1\nx | h | 2\n1 | h | 4\ny | h | 2\n").unless_in(&before);
    assert!(new.has_errors() && new.len() == 2, "{new:?}");
    let statements: Vec<_> = new.iter().map(plan::Problem::statement).collect();
    assert!(statements[0].contains(":3:1: `:1` is already listened on"), "{statements:?}");
    assert!(statements[1].contains(":4:1: `y` is not a port"), "{statements:?}");
}

#[test]
fn problems_beyond_the_limit_are_compared_by_number() {
    let wrong = |lines: usize| read(Some(&("1 | h | 1\n".to_owned() + &"x\n".repeat(lines))), &[]);
    let before = wrong(1500).problems;
    assert!(wrong(1500).problems.unless_in(&before).is_empty());
    assert_eq!(wrong(1503).problems.unless_in(&before).len(), 3);
}

#[test]
fn an_empty_configuration_is_an_error_that_shows_both_formats() {
    for (config, forwards) in [(Some(""), &[][..]), (Some("# x\n"), &[]), (None, &[])] {
        let text = read(config, forwards).problems.render(false);
        assert!(
            text.contains("18080 | 127.0.0.1 | 8080") && text.contains("[[forward]]"),
            "{text}"
        );
    }
}

#[test]
fn files_that_cannot_be_a_configuration_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("binary"), b"1 | h | 1\nab\0c").unwrap();
    std::fs::write(path("latin1"), b"[process]\n# b\xfccher").unwrap();
    let large = std::fs::File::create(path("large")).unwrap();
    large.set_len(100 * 1024 * 1024).unwrap();
    assert!(Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    let cases = [
        (path("missing"), "does not exist"),
        (path(""), "is a directory"),
        (path("binary"), ":2:3: error: "),
        (path("binary"), "contains a NUL byte"),
        (path("latin1"), ":2:4: error: "),
        (path("latin1"), "is not UTF-8"),
        (path("large"), "is larger than 16 MiB"),
        (path("fifo"), "is not a regular file"),
        (PathBuf::from("/dev/zero"), "is not a regular file"),
        (path("a\nb"), "a\\nb` does not exist"),
    ];
    for (path, expected) in cases {
        let start = Instant::now();
        let reading = plan::read(&Input { config: Some(path.clone()), ..Input::default() });
        assert!(reading.plan.is_none(), "{}", path.display());
        assert!(problems(&reading).contains(expected), "{}", problems(&reading));
        assert!(start.elapsed() < Duration::from_secs(5), "{}", path.display());
    }
}

#[test]
fn rendered_text_is_short_and_harmless() {
    let long = format!("1 | {} | 80\n", "h\u{1b}\u{202e}".repeat(1 << 19));
    let many = "x|1\n".repeat(5000);
    for text in [long, many] {
        let reading = read(Some(&text), &[]);
        for text in [reading.problems.render(false), problems(&reading)] {
            assert!(!text.contains(['\u{1b}', '\u{202e}']));
            assert!(text.lines().all(|line| line.chars().count() < 1500));
        }
    }
    let reading = read(Some(&"x|1\n".repeat(5000)), &[]);
    let text = reading.problems.render(false);
    assert!(text.contains("and 4951 more problems") && text.lines().count() < 400, "{text}");
    assert_eq!((reading.problems.len(), reading.problems.iter().count()), (5001, 1000));
    assert!(reading.problems.render(true).contains('\u{1b}'));
}

#[test]
fn many_forwards_are_read_in_one_pass() {
    let forward = |i: u32| format!("[[forward]]\nlisten = '127.0.0.1:{}'\nto = 'h{i}:80'\n", i + 1);
    let text: String = (0..10_000).map(forward).collect();
    let start = Instant::now();
    let plan = plan_of(read(Some(&text), &[]));
    assert_eq!(plan.forwards.len(), 10_000);
    assert_eq!(
        plan.forwards[9_999].routes[0].targets[0].address,
        Target::Name { host: "h9999".into(), port: 80 }
    );
    // Generous for a debug build on a busy machine; comparing all pairs would take minutes.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
