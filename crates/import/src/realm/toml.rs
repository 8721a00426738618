//! TOML as a tree of nodes with their lines.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::node::{Node, NodeFault, Value};

pub(super) fn parse(text: &str) -> Result<Node, NodeFault> {
    let lines = Lines::new(text);
    match DeTable::parse(text) {
        Ok(table) => Ok(Node { line: 0, value: lines.table(table.get_ref()) }),
        Err(error) => {
            let line = error.span().map_or(0, |span| lines.of(span.start));
            Err(NodeFault { line, message: error.message().to_owned() })
        }
    }
}

/// Byte offsets of line starts.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at + 1).collect())
    }

    fn of(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }

    fn table(&self, table: &DeTable<'_>) -> Value {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| {
                let node = Node { line: self.of(key.span().start), value: self.value(value) };
                (key.get_ref().to_string(), node)
            })
            .collect();
        entries.sort_by_key(|(_, node)| node.line);
        Value::Table(entries.into_iter().collect())
    }

    fn value(&self, value: &Spanned<DeValue<'_>>) -> Value {
        match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => Value::Number(number.as_str().to_owned()),
            DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Datetime(time) => Value::Text(time.to_string()),
            DeValue::Table(table) => self.table(table),
            DeValue::Array(items) => {
                let node = |item: &Spanned<DeValue<'_>>| Node {
                    line: self.of(item.span().start),
                    value: self.value(item),
                };
                Value::List(items.iter().map(node).collect())
            }
        }
    }
}
