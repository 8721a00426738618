//! Each figure in docs/tuning.md appears in its source page.

use crate::repository::{document, read};

const PAGE: &str = "docs/tuning.md";

/// Numbers in a text: digits, with commas and points inside.
fn numbers(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != ',' && c != '.');
    let words = words.map(|word| word.trim_matches(|c: char| !c.is_ascii_digit()));
    words.filter(|word| !word.is_empty()).collect()
}

#[test]
fn every_figure_is_in_its_source() {
    let page = document(PAGE);
    let rows = page.table(&["What", "Figure", "From"]);
    let mut checked = 0;
    for row in &rows {
        let link = row[2].split("](").nth(1).and_then(|link| link.strip_suffix(')'));
        let link = link.unwrap_or_else(|| panic!("{PAGE}: {row:?} names no source"));
        let path = link.split('#').next().unwrap_or_default();
        let source = read(&format!("docs/{path}"));
        let source = numbers(&source);
        for number in numbers(row[1]) {
            assert!(source.contains(&number), "{PAGE}: {number} of {row:?} is not in {path}");
            checked += 1;
        }
    }
    assert!(checked >= 12, "only {checked} figures");
}
