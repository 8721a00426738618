//! Every fenced block has a kind that a test runs or parses.

use crate::markdown::{Block, Document};
use crate::repository::documents;

/// Info string of the fence, the checking test module, and the minimum number of blocks.
const KINDS: [(&str, &str, usize); 44] = [
    ("toml", "configuration", 3),
    ("conf", "configuration", 2),
    ("toml broken", "configuration", 1),
    ("text problems", "configuration", 1),
    ("json", "records", 1),
    ("text record", "records", 1),
    ("sh", "shell", 12),
    ("sh first", "shell", 2),
    ("sh source", "links", 3),
    ("sh admin", "admin", 5),
    ("sh install", "installation", 4),
    ("sh upgrade", "upgrade", 1),
    ("sh profile", "the test `profile`", 2),
    ("sh jq", "log_queries", 1),
    ("ini", "systemd", 1),
    ("sh import", "migration", 1),
    ("import rinetd", "migration", 1),
    ("import realm", "migration", 1),
    ("import realm realm.json", "migration", 1),
    ("import nginx", "migration", 1),
    ("import haproxy", "migration", 1),
    ("toml imported", "migration", 5),
    ("text top", "views", 2),
    ("toml fleet", "configuration", 3),
    ("toml published", "configuration", 1),
    ("sh fleet", "fleet", 3),
    ("sh etcd install", "fleet_store", 1),
    ("sh etcd start", "fleet_store", 1),
    ("sh etcd check", "fleet_store", 1),
    ("sh etcd env", "fleet_store", 1),
    ("sh etcd roles", "fleet_store", 1),
    ("sh etcd replace", "fleet_store", 1),
    ("sh etcd backup", "fleet_store", 1),
    ("sh etcd restore", "fleet_store", 1),
    ("sh etcd space", "fleet_store", 1),
    ("sh openssl", "fleet_store", 1),
    ("conf etcd", "fleet_store", 1),
    ("conf etcd tls", "fleet_store", 1),
    ("conf etcd join", "fleet_store", 1),
    ("text rollout canary", "the e2e test `guide`", 1),
    ("text rollout refused", "the e2e test `guide`", 1),
    ("text rollout fell back", "the e2e test `guide`", 1),
    ("text rollout status", "the e2e test `guide`", 1),
    ("conf keepalived", "fleet", 1),
];

/// Fenced blocks of all documents with this info string.
pub(crate) fn blocks(info: &str) -> Vec<Block> {
    let blocks = documents().into_iter().flat_map(|document| document.blocks());
    blocks.filter(|block| block.info == info).collect()
}

#[test]
fn every_block_has_a_checked_kind() {
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
