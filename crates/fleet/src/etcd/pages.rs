//! Reads many keys in pages, all as of one revision: an answer has a bound, here and in some versions of etcd's gateway.

use serde_json::{Value, json};

use super::failure::Failure;
use super::wire::{self, Range, RangeAnswer};
use crate::store::{Entry, Read};

/// Keys of the first page.
const LARGEST_PAGE: usize = 512;
/// Bytes of all values.
const LONGEST: usize = 128 << 20;

/// The pages that have been read.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    prefix: &'a str,
    page: usize,
    /// After the last key that has been read.
    from: Option<Vec<u8>>,
    /// Those of the first page.
    cluster: u64,
    revision: i64,
    entries: Vec<Entry>,
    bytes: usize,
}

impl<'a> Pages<'a> {
    pub(super) fn new(prefix: &'a str) -> Self {
        let (from, entries) = (None, Vec::new());
        Self { prefix, page: LARGEST_PAGE, from, cluster: 0, revision: 0, entries, bytes: 0 }
    }

    /// The request of the next page.
    pub(super) fn request(&self) -> Value {
        let revision = self.revision.to_string();
        let more = json!({ "limit": self.page.to_string(), "revision": revision });
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
        if self.bytes > LONGEST {
            return Some(Err(Failure::TooLong(LONGEST)));
        }
        is_last.then(|| {
            let value = std::mem::take(&mut self.entries);
            Ok(Read { value, cluster: self.cluster, revision: self.revision })
        })
    }
}
