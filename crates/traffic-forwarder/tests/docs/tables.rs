//! The tables of the documents are those of the code.

use crate::markdown::Document;
use crate::repository::{document, readmes};
use flow::{By, Cause, Fallback, Phase};
use plan::{Section, Setting, settings};

pub(crate) fn code(text: &str) -> String {
    format!("`{text}`")
}

fn section(setting: &Setting) -> String {
    match setting.section {
        Section::ForwardDefaults => "`[[forward]]`, `[defaults]`".to_owned(),
        section => code(section.header()),
    }
}

fn default(setting: &Setting) -> String {
    setting.default().map_or_else(|| "–".to_owned(), |default| code(&default))
}

/// The table is exactly this; what it should be is shown if it is not.
pub(crate) fn assert_table(document: &Document, head: &[&str], expected: &[Vec<String>]) {
    let found = document.table(head);
    let expected_text: Vec<_> =
        expected.iter().map(|row| format!("| {} |", row.join(" | "))).collect();
    assert!(
        found == expected,
        "{}: the table {head:?} should be\n{}",
        document.name,
        expected_text.join("\n")
    );
}

#[test]
fn the_reference_lists_every_setting() {
    let row = |setting: &Setting| {
        let key = code(setting.key);
        vec![section(setting), key, setting.kind.values(), default(setting), setting.doc.to_owned()]
    };
    let rows: Vec<_> = settings().iter().map(row).collect();
    let head = ["Table", "Key", "Values", "Default", "Meaning"];
    assert_table(&document("docs/configuration.md"), &head, &rows);
}

#[test]
fn the_reference_says_what_a_reload_can_change() {
    let row = |setting: &Setting| {
        vec![section(setting), code(setting.key), setting.effect.explanation().to_owned()]
    };
    let rows: Vec<_> = settings().iter().map(row).collect();
    assert_table(&document("docs/configuration.md"), &["Table", "Key", "A change holds"], &rows);
}

#[test]
fn the_readme_lists_every_setting() {
    let row = |setting: &Setting| {
        vec![section(setting), code(setting.key), default(setting), setting.doc.to_owned()]
    };
    let rows: Vec<_> = settings().iter().map(row).collect();
    assert_table(&document("README.md"), &["Table", "Key", "Default", "Meaning"], &rows);
}

#[test]
fn the_chinese_readme_lists_every_setting_in_its_own_words() {
    let [_, chinese] = readmes();
    let found = chinese.table(&["表", "键", "默认值", "含义"]);
    assert_eq!(found.len(), settings().len());
    for (found, setting) in found.iter().zip(settings()) {
        let fixed = [section(setting).replace(", ", "、"), code(setting.key), default(setting)];
        assert_eq!(found[..3], fixed);
        assert!(!found[3].is_empty() && !found[3].is_ascii(), "{}", setting.key);
    }
}

fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> String {
    all.iter().map(|value| code(word(*value))).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_readmes_list_every_word_of_a_close_reason() {
    let rows = [
        vec![code("by"), words(By::ALL, By::as_str)],
        vec![code("phase"), words(Phase::ALL, Phase::as_str)],
        vec![code("cause"), words(Cause::ALL, Cause::as_str)],
    ];
    let [english, chinese] = readmes();
    assert_table(&english, &["Part", "Words"], &rows);
    assert_table(&chinese, &["部分", "取值"], &rows);
}

#[test]
fn the_record_s_document_explains_every_word() {
    fn rows<T: Copy>(all: &[T], texts: fn(T) -> [&'static str; 2]) -> Vec<Vec<String>> {
        let row = |value: &T| {
            let [word, explanation] = texts(*value);
            vec![code(word), explanation.to_owned()]
        };
        all.iter().map(row).collect()
    }
    let record = document("docs/session-record.md");
    let by = rows(By::ALL, |by| [by.as_str(), by.explanation()]);
    let phase = rows(Phase::ALL, |phase| [phase.as_str(), phase.explanation()]);
    let cause = rows(Cause::ALL, |cause| [cause.as_str(), cause.explanation()]);
    assert_table(&record, &["By", "Meaning"], &by);
    assert_table(&record, &["Phase", "Meaning"], &phase);
    assert_table(&record, &["Cause", "Meaning"], &cause);
    let fallback = rows(Fallback::ALL, |reason| [reason.as_str(), reason.explanation()]);
    assert_table(&record, &["Fallback", "Meaning"], &fallback);
}
