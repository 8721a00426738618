//! Common tree of TOML and JSON: values with their lines.

use std::collections::HashMap;
use std::time::Duration;

/// A value of TOML or JSON, with the line it is written in.
#[derive(Debug)]
pub(super) struct Node {
    /// Line index, from 0.
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// The literal text of a number.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Table(Table),
}

/// Keys with their values, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: Vec<(String, Node)>,
    /// Index of each key.
    places: HashMap<String, usize>,
}

impl Table {
    /// Adds an entry. `false` if the key is there: the first value stays.
    pub(super) fn insert(&mut self, key: String, node: Node) -> bool {
        let next = self.entries.len();
        if *self.places.entry(key.clone()).or_insert(next) < next {
            return false;
        }
        self.entries.push((key, node));
        true
    }
}

impl FromIterator<(String, Node)> for Table {
    fn from_iter<I: IntoIterator<Item = (String, Node)>>(entries: I) -> Self {
        let mut table = Self::default();
        for (key, node) in entries {
            table.insert(key, node);
        }
        table
    }
}

impl Node {
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Table(table) = &self.value else { return None };
        table.entries.get(*table.places.get(key)?).map(|(_, node)| node)
    }

    pub(super) fn entries(&self) -> &[(String, Self)] {
        if let Value::Table(table) = &self.value { &table.entries } else { &[] }
    }

    pub(super) fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    pub(super) fn text(&self) -> &str {
        match &self.value {
            Value::Text(text) | Value::Number(text) => text,
            _ => "",
        }
    }

    pub(super) fn is_true(&self) -> bool {
        matches!(self.value, Value::Bool(true))
    }

    /// A whole number of seconds.
    pub(super) fn seconds(&self) -> Option<Duration> {
        self.text().parse().ok().map(Duration::from_secs)
    }

    /// Whether the key says nothing: `false`, nothing, an empty text or list.
    pub(super) fn is_empty(&self) -> bool {
        match &self.value {
            Value::Null | Value::Bool(false) => true,
            Value::Text(text) => text.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Table(table) => table.entries.is_empty(),
            Value::Bool(true) | Value::Number(_) => false,
        }
    }
}

/// Syntax error in a file that is neither TOML nor JSON.
#[derive(Debug)]
pub(super) struct NodeFault {
    /// Line index, from 0.
    pub(super) line: usize,
    pub(super) message: String,
}
