//! Both READMEs have the same sections, blocks, tables, links and numbers.

use crate::markdown::Document;
use crate::repository::readmes;

#[test]
fn both_have_the_same_sections() {
    let [english, chinese] = readmes();
    let levels = english.heading_levels();
    assert!(levels.len() >= 8, "{levels:?}");
    assert_eq!(levels, chinese.heading_levels());
}

#[test]
fn both_have_the_same_blocks() {
    let [english, chinese] = readmes().map(|document| blocks(&document));
    assert_eq!(english, chinese);
}

/// Blocks without comments: those are in the document's language.
fn blocks(document: &Document) -> Vec<(String, Vec<String>)> {
    let blocks = document.blocks().into_iter();
    let code = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    blocks.map(|block| (block.info, code(&block.text))).collect()
}

#[test]
fn both_have_the_same_tables() {
    let [english, chinese] = readmes();
    assert!(english.rows().len() >= 20, "{}", english.rows().len());
    let facts = |document: &Document| -> Vec<(usize, Vec<String>)> {
        document.rows().iter().map(|row| (row.len(), code_spans(&row.join(" ")))).collect()
    };
    for (english, chinese) in facts(&english).into_iter().zip(facts(&chinese)) {
        assert_eq!(english, chinese);
    }
    assert_eq!(english.rows().len(), chinese.rows().len());
}

/// Text between backquotes, sorted: names are the same in both languages, their order is not.
fn code_spans(text: &str) -> Vec<String> {
    let mut spans: Vec<String> = text.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    spans.sort_unstable();
    spans
}

#[test]
fn both_have_the_same_links() {
    let local = |document: &Document| -> Vec<String> {
        let links = document.links().into_iter().filter(|link| !link.starts_with("README"));
        links.map(str::to_owned).collect()
    };
    let [english, chinese] = readmes();
    assert_eq!(local(&english), local(&chinese));
}

/// Numbers of each section, sorted: word order differs between the languages.
fn numbers(document: &Document) -> Vec<Vec<String>> {
    let mut sections = vec![Vec::new()];
    for line in document.prose() {
        if line.starts_with('#') {
            sections.push(Vec::new());
        }
        let words = line.split(|c: char| !c.is_ascii_digit() && !".,".contains(c));
        let words = words.map(|word| word.trim_matches(['.', ',']).to_owned());
        let section = sections.last_mut().expect("the first one is there");
        section.extend(words.filter(|word| !word.is_empty()));
    }
    for section in &mut sections {
        section.sort_unstable();
    }
    sections
}

#[test]
fn both_have_the_same_numbers() {
    let [english, chinese] = readmes();
    assert!(numbers(&english).concat().len() >= 40);
    for (english, chinese) in numbers(&english).into_iter().zip(numbers(&chinese)) {
        assert_eq!(english, chinese);
    }
}

/// GitHub renders a line break within a Chinese paragraph as a space.
#[test]
fn the_chinese_readme_has_no_line_breaks_within_paragraphs() {
    let [_, chinese] = readmes();
    let is_text = |line: &&str| !line.is_empty() && !line.starts_with(['|', '#', '-', '!']);
    for lines in chinese.prose().windows(2) {
        assert!(!lines.iter().all(is_text), "{lines:?}");
    }
}

#[test]
fn the_chinese_readme_names_the_documents_in_english_only() {
    let [_, chinese] = readmes();
    assert!(chinese.prose().iter().any(|line| line.contains("只有英文版")));
}

#[test]
fn both_fit_on_a_page_and_a_half() {
    for readme in readmes() {
        let lines = crate::repository::read(&readme.name).lines().count();
        assert!(lines <= 150, "{}: {lines} lines", readme.name);
    }
}
