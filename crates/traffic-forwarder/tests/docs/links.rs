//! Links lead to files and sections that exist, the indexes are complete, and every repository
//! address equals the manifest's.

use crate::blocks::blocks;
use crate::markdown::Document;
use crate::repository::{document, documents, files, read, root};
use std::collections::BTreeSet;
use std::path::Path;

const OTHERS: [&str; 5] =
    ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md", "examples/README.md"];

/// Anchors of a document's headings, as GitHub generates them.
fn anchors(document: &Document) -> BTreeSet<String> {
    let headings = document.prose().into_iter().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn links_lead_to_files_and_sections() {
    let mut checked = 0;
    for document in documents().into_iter().chain(OTHERS.map(document)) {
        let directory = Path::new(&document.name).parent().expect("a file is in a directory");
        for link in document.links().into_iter().filter(|link| !link.contains("://")) {
            let (path, section) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => document.name.clone(),
                path => directory.join(path).display().to_string(),
            };
            assert!(root().join(&target).exists(), "{}: {link} does not exist", document.name);
            if !section.is_empty() {
                let target = Document::new(&target, read(&target));
                assert!(anchors(&target).contains(section), "{}: {link}", document.name);
            }
            checked += 1;
        }
    }
    assert!(checked >= 100, "only {checked} links");
}

#[test]
fn the_indexes_list_every_document_and_every_example() {
    for directory in ["docs", "examples"] {
        let index = document(&format!("{directory}/README.md"));
        let links = index.links();
        for file in files(directory) {
            let name = &file[directory.len() + 1..];
            assert!(name == "README.md" || links.contains(&name), "{}: {file}", index.name);
        }
    }
}

#[test]
fn repository_addresses_equal_the_manifest_s() {
    let manifest = read("Cargo.toml");
    let address = manifest.lines().find_map(|line| line.strip_prefix("repository = "));
    let address = address.expect("the repository's address").trim_matches('"');
    let owner = address.rsplit_once('/').expect("an address with a path").0;
    for document in documents().iter().chain(&OTHERS.map(document)) {
        let text = read(&document.name);
        for (at, _) in text.match_indices(owner) {
            assert!(text[at..].starts_with(address), "{}: {}", document.name, &text[at..at + 60]);
        }
    }
    for block in blocks("sh source") {
        let command = format!("cargo install --git {address} traffic-forwarder\n");
        assert_eq!(block.text, command, "{}", block.place);
    }
}
