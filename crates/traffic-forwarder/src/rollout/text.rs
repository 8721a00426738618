//! Writes the parts of a text.

use crate::rollout::locate::Located;
use fleet::{Compare, Entry, Op, PackedText, Store, StoreError, Txn};

/// The most operations of a transaction that removes parts.
const REMOVALS: usize = 100;

/// Writes the parts that the store does not have, and returns all with their present revisions.
pub(crate) async fn put(store: &Located, text: &PackedText) -> Result<Vec<Compare>, StoreError> {
    let found = store.etcd.list(&store.keys.text(&text.hash)).await?.value;
    let parts: Vec<&[u8]> = found.iter().map(|entry| entry.value.as_slice()).collect();
    // Another version may have compressed it in another way.
    if fleet::unpack(text.hash, &parts).is_ok() {
        return Ok(found.iter().map(present).collect());
    }
    let mut written = Vec::new();
    for (number, value) in text.parts.iter().enumerate() {
        let key = store.keys.part(&text.hash, number);
        let same = found.iter().find(|entry| entry.key == key && entry.value == *value);
        if let Some(entry) = same {
            written.push(present(entry));
            continue;
        }
        let put = Op::Put { key: key.clone(), value: value.clone(), lease: None };
        let done = store.etcd.transact(&unconditional(vec![put])).await?;
        written.push(Compare { key, mod_revision: done.revision });
    }
    let is_left = |entry: &&Entry| !written.iter().any(|part| part.key == entry.key);
    let left = found.iter().filter(is_left).map(|entry| Op::Delete { key: entry.key.clone() });
    let left: Vec<Op> = left.collect();
    for ops in left.chunks(REMOVALS) {
        store.etcd.transact(&unconditional(ops.to_vec())).await?;
    }
    Ok(written)
}

fn present(entry: &Entry) -> Compare {
    Compare { key: entry.key.clone(), mod_revision: entry.mod_revision }
}

fn unconditional(ops: Vec<Op>) -> Txn {
    Txn { compare: Vec::new(), ops }
}
