//! The keys of a fleet in its store.

use super::TextHash;

/// The keys below one prefix. No key is the beginning of another kind's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    /// `prefix` has no slash at its end.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The one key that decides.
    pub fn current(&self) -> String {
        format!("{}/current", self.prefix)
    }

    /// The start of the keys of all texts.
    pub fn texts(&self) -> String {
        format!("{}/text/", self.prefix)
    }

    /// The start of the keys of one text's parts.
    pub fn text(&self, hash: &TextHash) -> String {
        format!("{}/text/{hash}/", self.prefix)
    }

    /// Part `number` of a text, from 0. The digits keep the order of the keys that of the parts.
    pub fn part(&self, hash: &TextHash, number: usize) -> String {
        format!("{}/text/{hash}/{number:04}", self.prefix)
    }

    /// The start of the keys of all instances.
    pub fn instances(&self) -> String {
        format!("{}/instances/", self.prefix)
    }

    /// The status of one instance.
    pub fn instance(&self, name: &str) -> String {
        format!("{}/instances/{name}", self.prefix)
    }

    /// The name of the instance whose status is at `key`.
    pub fn instance_name<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.prefix)?.strip_prefix("/instances/")
    }
}
