//! Every fenced block is of a kind that a test runs or parses, and every link leads somewhere.

use crate::markdown::{Block, Document};
use crate::repository::{documents, root};

/// What stands behind a fence, what checks such blocks, and how many there are at least.
const KINDS: [(&str, &str, usize); 19] = [
    ("toml", "configuration", 3),
    ("conf", "configuration", 3),
    ("toml broken", "configuration", 1),
    ("text problems", "configuration", 1),
    ("json", "records", 3),
    ("text record", "records", 1),
    ("sh", "shell", 12),
    ("sh admin", "admin", 5),
    ("sh install", "installation", 4),
    ("sh upgrade", "upgrade", 1),
    ("sh jq", "log_queries", 1),
    ("ini", "systemd", 1),
    ("sh import", "migration", 1),
    ("import rinetd", "migration", 1),
    ("import realm", "migration", 1),
    ("import nginx", "migration", 1),
    ("import haproxy", "migration", 1),
    ("toml imported", "migration", 4),
    ("text top", "views", 3),
];

/// All blocks of one kind.
pub(crate) fn blocks(info: &str) -> Vec<Block> {
    let blocks = documents().into_iter().flat_map(|document| document.blocks());
    blocks.filter(|block| block.info == info).collect()
}

#[test]
fn every_block_is_of_a_kind_that_is_checked() {
    for block in documents().iter().flat_map(Document::blocks) {
        let known = KINDS.iter().any(|(info, ..)| *info == block.info);
        assert!(known, "{}: nothing checks a block `{}`", block.place, block.info);
        assert!(!block.text.trim().is_empty(), "{}: an empty block", block.place);
    }
}

#[test]
fn there_are_blocks_of_every_kind() {
    for (info, _, least) in KINDS {
        let found = blocks(info).len();
        assert!(found >= least, "only {found} blocks `{info}`");
    }
}

#[test]
fn links_to_files_lead_to_files() {
    let mut checked = 0;
    let others = ["CHANGELOG.md", "CONTRIBUTING.md"].map(crate::repository::document);
    for document in documents().iter().chain(&others) {
        let file = root().join(&document.name);
        let directory = file.parent().expect("a file is in a directory");
        for link in document.links().into_iter().filter(|link| !link.contains("://")) {
            let path = link.split('#').next().unwrap_or_default();
            assert!(directory.join(path).exists(), "{}: {link} is not there", document.name);
            checked += 1;
        }
    }
    assert!(checked >= 15, "only {checked} links");
}
