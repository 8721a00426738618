//! docs/troubleshooting.md covers every close reason; metrics and log lines named in the operators'
//! pages exist.

use crate::repository::{document, read};
use flow::{By, Cause, Phase};
use std::collections::BTreeSet;

const PAGE: &str = "docs/troubleshooting.md";

#[test]
fn every_word_of_a_close_reason_appears() {
    let page = document(PAGE);
    let spans = page.code_spans().join(" ");
    let words: BTreeSet<_> = spans.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let by = By::ALL.iter().map(|word| word.as_str());
    let phases = Phase::ALL.iter().map(|word| word.as_str());
    let causes = Cause::ALL.iter().map(|word| word.as_str());
    for word in by.chain(phases).chain(causes) {
        assert!(words.contains(word), "{PAGE} does not say what to do about {word}");
    }
}

#[test]
fn named_close_reasons_exist() {
    let mut found = 0;
    for span in document(PAGE).code_spans() {
        let parts: Vec<_> = span.split('/').collect();
        let [by, phase, cause] = parts[..] else { continue };
        if by.is_empty() || span.contains([' ', '.']) {
            continue;
        }
        assert!(By::ALL.iter().any(|word| word.as_str() == by), "{span}");
        assert!(Phase::ALL.iter().any(|word| word.as_str() == phase), "{span}");
        assert!(Cause::ALL.iter().any(|word| word.as_str() == cause), "{span}");
        found += 1;
    }
    assert!(found >= 19, "only {found} close reasons");
}

#[test]
fn named_metrics_and_log_lines_exist() {
    let (metrics, lines) = (read("docs/metrics.md"), read("docs/session-record.md"));
    for (page, least) in [(PAGE, 15), ("docs/operations.md", 5), ("docs/tuning.md", 1)] {
        let (mut named, text) = (0, read(page));
        for span in document(page).code_spans() {
            let name = span.split('{').next().unwrap_or_default();
            if name.starts_with("traffic_forwarder_") {
                assert!(metrics.contains(&format!("`{name}`")), "{page}: {name} is no metric");
                named += 1;
            }
        }
        for after in text.split("log line `").skip(1) {
            let line = after.split('`').next().unwrap_or_default();
            assert!(lines.contains(line), "{page}: {line} is no line of the log");
            named += 1;
        }
        assert!(named >= least, "{page}: only {named} metrics and lines");
    }
}
