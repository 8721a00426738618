//! Common tree of TOML and JSON: values with their lines.

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
    Table(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    pub(super) fn entries(&self) -> &[(String, Self)] {
        if let Value::Table(entries) = &self.value { entries } else { &[] }
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
            Value::Table(entries) => entries.is_empty(),
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
