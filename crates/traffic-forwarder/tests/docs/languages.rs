//! Both READMEs say the same.

use crate::markdown::Document;
use crate::repository::readmes;

#[test]
fn both_have_the_same_sections() {
    let [english, chinese] = readmes();
    let levels = english.heading_levels();
    assert!(levels.len() >= 15, "{levels:?}");
    assert_eq!(levels, chinese.heading_levels());
}

#[test]
fn both_have_the_same_blocks() {
    let [english, chinese] = readmes().map(|document| blocks(&document));
    assert_eq!(english, chinese);
}

/// The blocks without their comments, which are in the document's language.
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
    assert!(english.rows().len() >= 60, "{}", english.rows().len());
    let facts = |document: &Document| -> Vec<(usize, Vec<String>)> {
        document.rows().iter().map(|row| (row.len(), code_spans(&row.join(" ")))).collect()
    };
    for (english, chinese) in facts(&english).into_iter().zip(facts(&chinese)) {
        assert_eq!(english, chinese);
    }
    assert_eq!(english.rows().len(), chinese.rows().len());
}

/// What stands between backquotes: names, which have no language. Their order has.
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
