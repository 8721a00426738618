//! The commands that the documents name are those of the program, with its options.

use crate::markdown::Document;
use crate::repository::{BINARY, document, documents, read, readmes, root};
use crate::tables::code;
use std::collections::BTreeMap;
use testkit::{Forwarder, LIMIT, Tool, run};

const REFERENCE: &str = "docs/commands.md";
/// Descriptions stand further to the right than this.
const ITEM_INDENT: usize = 8;

fn help(command: Option<&str>) -> String {
    let words = command.into_iter().chain(["--help"]);
    Forwarder::binary(BINARY).args(words).run().success().text()
}

/// The names of all commands.
fn commands() -> Vec<String> {
    let help = help(None);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    // What is indented further is the rest of a description.
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let commands: Vec<_> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    assert!(commands.len() >= 11, "{help}");
    commands
}

/// The arguments and options of a command, as its help writes them; without `--help`, which all have.
fn items(command: Option<&str>) -> Vec<String> {
    let help = help(command);
    let item = |line: &str| {
        let text = line.trim_start();
        let is_item = text.starts_with(['-', '<', '[']) && line.len() - text.len() < ITEM_INDENT;
        let name = text.split("  ").next().filter(|_| is_item)?;
        (name != "-h, --help").then(|| name.to_owned())
    };
    help.lines().filter_map(item).collect()
}

#[test]
fn the_readmes_list_every_command() {
    let mut commands: Vec<_> = commands().iter().map(|name| code(name)).collect();
    commands.sort_unstable();
    for (readme, head) in readmes().iter().zip([["Command", "What it does"], ["命令", "作用"]])
    {
        let mut rows: Vec<_> = readme.table(&head).into_iter().map(|row| row[0]).collect();
        rows.sort_unstable();
        assert_eq!(rows, commands, "{}", readme.name);
    }
}

#[test]
fn the_reference_is_what_its_script_writes() {
    let mut shell = Tool::find("sh").command();
    let made = run(shell.arg(root().join("scripts/commands.sh")).arg(BINARY), LIMIT);
    assert!(
        made.success().text() == read(REFERENCE),
        "{REFERENCE} is out of date: `make build` and `sh scripts/commands.sh > {REFERENCE}`"
    );
}

#[test]
fn the_reference_has_every_argument_and_option_and_no_other() {
    let page = read(REFERENCE);
    let mut sections = page.split("\n## ").skip(1);
    let names = std::iter::once(None).chain(commands().into_iter().map(Some));
    for name in names {
        let name = name.as_deref();
        let (title, text) = sections.next().and_then(|section| section.split_once('\n')).unzip();
        assert_eq!(title, Some(name.unwrap_or("Without a command")));
        let section = Document::new(REFERENCE, text.unwrap_or_default().to_owned());
        let rows = section.table(&["Argument or option", "Meaning"]);
        let found: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
        assert_eq!(found, items(name), "{REFERENCE}: {name:?}");
    }
    assert_eq!(sections.next(), None);
}

#[test]
fn the_commands_in_the_text_exist_with_their_options() {
    let options: BTreeMap<_, _> =
        commands().into_iter().map(|name| (name.clone(), items(Some(&name)))).collect();
    let mut named = 0;
    let contributing = document("CONTRIBUTING.md");
    for document in documents().iter().chain([&contributing]) {
        for span in document.code_spans() {
            let Some(words) = span.strip_prefix("traffic-forwarder ") else { continue };
            let mut words = words.split_whitespace();
            let command = words.next().unwrap_or_default();
            // Without a command stand forwards and options, which another test runs.
            if command.starts_with(['-', '[', '<']) || command.contains(['=', ':']) {
                continue;
            }
            let Some(items) = options.get(command) else {
                panic!("{}: `{span}`: there is no such command", document.name);
            };
            for option in words.filter(|word| word.starts_with("--")) {
                let is_one = |item: &String| item.split([' ', ',']).any(|word| word == option);
                assert!(items.iter().any(is_one), "{}: `{span}`: no {option}", document.name);
            }
            named += 1;
        }
    }
    assert!(named >= 30, "only {named} commands");
}
