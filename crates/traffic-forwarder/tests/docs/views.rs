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

/// The forwards of the script that have separate headings: one to `target`, and one to two dead targets.
fn config(dir: &str, [web, mail]: [&Port; 2], target: &Target) -> String {
    let (dead, last) = (Port::v4(), Port::v4());
    format!(
        "[process]\nadmin = 'unix:{dir}/admin.sock'\n\
         [[forward]]\nname = 'web'\nlisten = '{}'\nto = '{}'\n\
         [[forward]]\nname = 'mail'\nlisten = '{}'\nto = ['{}', '{}']\nbalance = 'first'\n\
         passive = {{ failures = 1, down = '1h', down_max = '1h' }}\n",
        web.addr(),
        target.addr(),
        mail.addr(),
        dead.addr(),
        last.addr(),
    )
}

#[test]
fn captures_match_the_screen() {
    let (target, port, mail) = (Target::start(Behaviour::Echo), Port::v4(), Port::v4());
    let dir = tempfile::TempDir::new().expect("a temporary directory");
    let dir = dir.path().to_str().expect("a path of text");
    let forwarder = Forwarder::binary(BINARY).config(config(dir, [&port, &mail], &target)).start();
    forwarder.ready();
    let _client = connect(&port).expect("a listener");
    // No target takes it: the connection may be reset before connect(2) returns.
    let _ = connect(&mail);
    let terminal = Terminal::open(SIZE.0, SIZE.1);
    terminal.run(&format!("{BINARY} top --admin unix:{dir}/admin.sock"));
    // The first answer has rows.
    let forwards = terminal.shows(" active ");
    terminal.press(["Tab"]);
    let sessions = terminal.wait_for("the session", |screen| {
        screen.contains("VERDICT") && (screen.contains(" ok") || screen.contains(" idle"))
    });
    terminal.press(["Tab"]);
    let targets = terminal.shows(" WHY");
    let footer = forwards.lines().last();
    let mut found = 0;
    for capture in blocks("text top") {
        let drawn = match () {
            () if capture.text.contains(" WHY") => &targets,
            () if capture.text.contains("VERDICT") => &sessions,
            () => &forwards,
        };
        // The headings of targets move with their addresses.
        let heads = |text| heading(text).map(|it| it.split_whitespace().collect::<Vec<_>>());
        assert_eq!(heads(&capture.text), heads(drawn), "{}", capture.place);
        assert!(heading(drawn).is_some(), "{drawn}");
        assert_eq!(capture.text.lines().last(), footer, "{}", capture.place);
        assert!(capture.text.lines().count() <= SIZE.1.into(), "{}", capture.place);
        found += 1;
    }
    assert!(found >= 3, "only {found} captures");
}
