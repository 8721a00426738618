//! Commands and options in the prose of the documents exist in the program.

use crate::repository::{BINARY, document, documents};
use std::collections::BTreeMap;
use std::path::Path;
use xtask::docs::commands;

#[test]
fn the_commands_in_the_text_exist_with_their_options() {
    let help = commands::read(Path::new(BINARY)).expect("the program prints its help");
    let options: BTreeMap<_, _> =
        help.into_iter().filter_map(|help| Some((help.name?, help.items))).collect();
    assert!(options.len() >= 11, "{:?}", options.keys());
    let mut named = 0;
    let contributing = document("CONTRIBUTING.md");
    for document in documents().iter().chain([&contributing]) {
        for span in document.code_spans() {
            let Some(words) = span.strip_prefix("traffic-forwarder ") else { continue };
            let mut words = words.split_whitespace();
            let command = words.next().unwrap_or_default();
            // Forwards, and options without a command, are run by `shell`.
            if command.starts_with(['-', '[', '<']) || command.contains(['=', ':']) {
                continue;
            }
            let Some(items) = options.get(command) else {
                panic!("{}: `{span}`: there is no such command", document.name);
            };
            for option in words.filter(|word| word.starts_with("--")) {
                let mut known = items.iter().flat_map(|(item, _)| item.split([' ', ',']));
                assert!(
                    known.any(|name| name == option),
                    "{}: `{span}`: no {option}",
                    document.name
                );
            }
            named += 1;
        }
    }
    assert!(named >= 25, "only {named} commands");
}
