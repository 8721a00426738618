//! Configuration in the documents is valid, or has exactly the problems printed below it.

use crate::blocks::blocks;
use crate::markdown::Block;
use plan::{Input, Reading};
use std::fs;
use tempfile::TempDir;

/// File name that the documents use for a broken example.
const NAME: &str = "forwards.toml";

#[test]
fn examples_are_valid() {
    for block in blocks("toml").into_iter().chain(blocks("conf")) {
        let (reading, text) = read(&block);
        assert!(reading.problems.is_empty(), "{}\n{text}", block.place);
        assert!(reading.plan.is_some(), "{}", block.place);
    }
}

#[test]
fn local_files_of_a_fleet_are_valid() {
    let input = Input { config: Some(NAME.into()), ..Input::default() };
    for block in blocks("toml fleet") {
        // Without the files that it names, which are those of a machine.
        let reading = plan::read_text(&input, &block.text);
        let problems = reading.problems.render(false);
        assert!(reading.problems.is_empty(), "{}\n{problems}", block.place);
        assert!(reading.plan.is_some_and(|plan| plan.fleet.is_some()), "{}", block.place);
    }
}

#[test]
fn published_examples_are_valid() {
    for block in blocks("toml published") {
        let reading = plan::read_published(NAME, &block.text);
        let problems = reading.problems.render(false);
        assert!(reading.problems.is_empty(), "{}\n{problems}", block.place);
        assert!(reading.plan.is_some(), "{}", block.place);
    }
}

#[test]
fn broken_examples_show_the_reported_problems() {
    let shown = blocks("text problems");
    let broken = blocks("toml broken");
    assert_eq!(shown.len(), broken.len());
    for (broken, shown) in broken.iter().zip(shown) {
        let (_, text) = read(broken);
        assert_eq!(shown.text.trim(), text.trim(), "{}", shown.place);
    }
}

/// Reads the block, and renders its problems as `check` does.
fn read(block: &Block) -> (Reading, String) {
    let dir = TempDir::new().expect("a temporary directory");
    let path = dir.path().join(NAME);
    fs::write(&path, &block.text).expect("write into an own directory");
    let reading = plan::read(&Input { config: Some(path.clone()), ..Input::default() });
    let text = reading.problems.render(false);
    (reading, text.replace(path.to_str().expect("a path of text"), NAME))
}
