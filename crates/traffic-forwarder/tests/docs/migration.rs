//! Other forwarders' configurations import as the documents show below them.

use crate::repository::document;
use crate::shell::run_in_shell;
use std::fs;
use tempfile::TempDir;

/// File name of each forwarder in the document, unless the block names another one.
const FILES: [(&str, &str); 4] = [
    ("rinetd", "rinetd.conf"),
    ("realm", "realm.toml"),
    ("nginx", "nginx.conf"),
    ("haproxy", "haproxy.cfg"),
];

#[test]
fn imports_give_the_documented_results() {
    let dir = TempDir::new().expect("a temporary directory");
    let blocks = document("docs/migration.md").blocks();
    let mut imported = 0;
    for pair in blocks.windows(2) {
        let Some(from) = pair[0].info.strip_prefix("import ") else { continue };
        let named = from.split_once(' ');
        let usual = || FILES.into_iter().find(|(name, _)| *name == from);
        let (from, file) = named.or_else(usual).expect("a known forwarder");
        fs::write(dir.path().join(file), &pair[0].text).expect("write into an own directory");
        let finished =
            run_in_shell(&format!("traffic-forwarder import --from {from} {file}"), dir.path());
        assert_eq!(pair[1].info, "toml imported", "{}", pair[1].place);
        assert_eq!(finished.text(), pair[1].text, "{}", pair[1].place);
        imported += 1;
    }
    assert!(imported >= FILES.len());
    for block in blocks.iter().filter(|block| block.info == "sh import") {
        let finished = run_in_shell(&block.text, dir.path());
        assert!(finished.status.success(), "{}: {finished}", block.place);
    }
}
