//! The captures of `top` in docs/views.md have the real headings, keys and size.

use crate::blocks::blocks;
use crate::repository::{BINARY, read};
use api::Condition;
use testkit::{Behaviour, Forwarder, Port, Target, Terminal, connect};

/// The table lists each condition of the API with its explanation, and `no_answer` of the views.
#[test]
fn table_of_red_conditions_is_complete() {
    let document = read("docs/views.md");
    let (_, section) = document.split_once("## Red conditions").expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ");
        Some((cells.next()?.trim_end_matches('`'), cells.nth(1)?))
    });
    let conditions = Condition::ALL.iter().map(|it| (it.as_str(), it.explanation()));
    let expected: Vec<_> =
        [("no_answer", "it does not answer")].into_iter().chain(conditions).collect();
    assert_eq!(rows.collect::<Vec<_>>(), expected);
}

/// Terminal size in `scripts/capture-top.sh`.
const SIZE: (u16, u16) = (80, 16);

/// First line of column headings on the screen.
fn heading(screen: &str) -> Option<&str> {
    let is_heading = |line: &&str| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.len() > 3
            && words.iter().all(|word| word.to_uppercase() == **word)
            && words.contains(&"FORWARD")
    };
    screen.lines().find(is_heading)
}

#[test]
fn captures_match_the_screen() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = |dir: &str| {
        format!(
            "[process]\nadmin = 'unix:{dir}/admin.sock'\n\
             [[forward]]\nname = 'web'\nlisten = '{}'\nto = '{}'\n",
            port.addr(),
            target.addr(),
        )
    };
    let dir = tempfile::TempDir::new().expect("a temporary directory");
    let dir = dir.path().to_str().expect("a path of text");
    let forwarder = Forwarder::binary(BINARY).config(config(dir)).start();
    forwarder.ready();
    let _client = connect(&port).expect("a listener");
    let terminal = Terminal::open(SIZE.0, SIZE.1);
    terminal.run(&format!("{BINARY} top --admin unix:{dir}/admin.sock"));
    let forwards = terminal.shows("FAILED");
    terminal.press(["Tab"]);
    let sessions = terminal.shows("VERDICT");
    let footer = forwards.lines().last();
    let mut found = 0;
    for capture in blocks("text top") {
        let drawn = if capture.text.contains("VERDICT") { &sessions } else { &forwards };
        assert_eq!(heading(&capture.text), heading(drawn), "{}", capture.place);
        assert!(heading(drawn).is_some(), "{drawn}");
        assert_eq!(capture.text.lines().last(), footer, "{}", capture.place);
        assert!(capture.text.lines().count() <= SIZE.1.into(), "{}", capture.place);
        found += 1;
    }
    assert!(found >= 2, "only {found} captures");
}
