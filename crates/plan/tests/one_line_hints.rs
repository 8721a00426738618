//! Hints for forwards on the command line that are written as in other programs.

use plan::{Input, read};

fn problems(forward: &str) -> String {
    let input = Input { forwards: vec![forward.to_owned()], ..Input::default() };
    read(&input).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn one_line_mistakes_have_the_right_hint() {
    let cases = [
        ("18080 -> h:80", "(write `18080=h:80`)"),
        ("18080=>h:80", "(write `18080=h:80`)"),
        ("18080 | h | 80", "(write `18080=h:80`)"),
        ("127.0.0.1:8080=18080", "write `18080=127.0.0.1:8080`)"),
        ("tcp://38080=h:80", "(leave out `tcp://`: write `38080`)"),
        ("127.0.0.1:8080:18080", "write `18080=127.0.0.1:8080`)"),
        ("38080/udp=h:53", "(UDP is not forwarded, only TCP)"),
        ("38080/tcp=h:53", "(every forward is TCP: write `38080`)"),
        ("38080=h:http", "(write its number: `80`)"),
        ("38080=h:gopher", "(names of services are not looked up: write the number)"),
    ];
    for (text, expected) in cases {
        let problems = problems(text);
        assert!(problems.contains(expected), "{text}: {problems}");
    }
}
