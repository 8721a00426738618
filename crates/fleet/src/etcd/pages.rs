//! Reads many keys in pages, all as of one revision: an answer has a bound, here and in some versions of etcd's gateway.

use serde_json::{Value, json};

use super::failure::Failure;
use super::wire::{self, Range, RangeAnswer};
use crate::store::{Entry, Read};

/// Keys of the first page.
const PAGE_MAX: usize = 512;
/// Bytes of all values.
const VALUES_MAX: usize = 128 << 20;

/// The pages that have been read.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    prefix: &'a str,
    has_values: bool,
    page: usize,
    /// After the last key that has been read.
    from: Option<Vec<u8>>,
    /// Cluster and revision of the first page.
    cluster: u64,
    revision: i64,
    entries: Vec<Entry>,
    bytes: usize,
}

impl<'a> Pages<'a> {
    pub(super) fn new(prefix: &'a str) -> Self {
        let (has_values, page, entries) = (true, PAGE_MAX, Vec::new());
        let (from, cluster, revision, bytes) = (None, 0, 0, 0);
        Self { prefix, has_values, page, from, cluster, revision, entries, bytes }
    }

    /// Pages of keys whose values are left empty.
    pub(super) fn without_values(prefix: &'a str) -> Self {
        Self { has_values: false, ..Self::new(prefix) }
    }

    /// The request of the next page.
    pub(super) fn request(&self) -> Value {
        let revision = self.revision.to_string();
        let limit = self.page.to_string();
        let more = json!({ "limit": limit, "revision": revision, "keys_only": !self.has_values });
        let mut request = wire::range(Range::Prefix(self.prefix), &more);
        if let Some(from) = &self.from {
            request["key"] = wire::base64(from).into();
        }
        request
    }

    /// Asks for smaller pages, because one was too long. Returns whether that is possible.
    pub(super) fn shrink(&mut self) -> bool {
        let may = self.page > 1;
        self.page = (self.page / 8).max(1);
        may
    }

    /// Takes a page. Returns all keys after the last one.
    pub(super) fn add(&mut self, answer: RangeAnswer) -> Option<Result<Read<Vec<Entry>>, Failure>> {
        if self.revision == 0 {
            (self.cluster, self.revision) = (answer.header.cluster_id, answer.header.revision);
        }
        // Another cluster behind the next endpoint has other revisions.
        if self.cluster != answer.header.cluster_id {
            let message = "its cluster is another one than that of the other endpoints";
            return Some(Err(Failure::NotEtcd(message.to_owned())));
        }
        let next = answer.kvs.last().map(|last| [&last.key[..], b"\0"].concat());
        let is_last = !answer.more || next.is_none();
        self.from = next;
        for entry in answer.kvs {
            self.bytes += entry.len();
            self.entries.push(entry.into_entry());
        }
        if self.bytes > VALUES_MAX {
            return Some(Err(Failure::TooLong(VALUES_MAX)));
        }
        is_last.then(|| {
            let value = std::mem::take(&mut self.entries);
            Ok(Read { value, cluster: self.cluster, revision: self.revision })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_leaves_values_out_if_none_are_wanted() {
        let page = json!({
            "header": { "cluster_id": "1", "revision": "7" },
            "kvs": [{ "key": "L2EvYQ==" }],
            "more": true,
        });
        for (mut pages, keys_only) in
            [(Pages::new("/a/"), false), (Pages::without_values("/a/"), true)]
        {
            assert_eq!(pages.request()["keys_only"], keys_only);
            assert!(pages.add(serde_json::from_value(page.clone()).unwrap()).is_none());
            assert_eq!(pages.request()["keys_only"], keys_only);
            assert_eq!(pages.request()["revision"], "7");
        }
    }
}
