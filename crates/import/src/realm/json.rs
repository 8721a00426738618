//! JSON as a tree of nodes with their lines, which is why no other parser will do.

use super::node::{Node, NodeFault, Table, Value};
use crate::note::quoted;

/// Deeper than any configuration, and far from the end of the stack.
const DEPTH_MAX: usize = 32;

pub(super) fn parse(text: &str) -> Result<Node, NodeFault> {
    let mut parser = Parser { rest: text, line: 0 };
    let node = parser.node(0)?;
    parser.blanks();
    if parser.rest.is_empty() { Ok(node) } else { Err(parser.fault("the end")) }
}

struct Parser<'a> {
    rest: &'a str,
    /// Line index, from 0.
    line: usize,
}

impl Parser<'_> {
    fn fault(&self, expected: &str) -> NodeFault {
        NodeFault {
            line: self.line,
            message: format!("it is not JSON: {expected} is expected here"),
        }
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }

    fn blanks(&mut self) {
        self.advance(self.rest.len() - self.rest.trim_start().len());
    }

    /// Takes a piece of syntax, with the blanks before it.
    fn take(&mut self, piece: &str) -> bool {
        self.blanks();
        let found = self.rest.starts_with(piece);
        if found {
            self.advance(piece.len());
        }
        found
    }

    fn node(&mut self, depth: usize) -> Result<Node, NodeFault> {
        if depth > DEPTH_MAX {
            return Err(self.fault("less depth"));
        }
        self.blanks();
        let line = self.line;
        let value = match self.rest.chars().next() {
            Some('{') => self.table(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Value::Text(self.string()?),
            _ => self.word()?,
        };
        Ok(Node { line, value })
    }

    fn table(&mut self, depth: usize) -> Result<Value, NodeFault> {
        self.advance(1);
        let mut table = Table::default();
        if self.take("}") {
            return Ok(Value::Table(table));
        }
        loop {
            self.blanks();
            let line = self.line;
            let key = self.string()?;
            if !self.take(":") {
                return Err(self.fault("`:`"));
            }
            let node = self.node(depth + 1)?;
            let message = format!("the key {} is there twice", quoted(&key));
            if !table.insert(key, Node { line, ..node }) {
                return Err(NodeFault { line, message });
            }
            if self.take("}") {
                return Ok(Value::Table(table));
            }
            if !self.take(",") {
                return Err(self.fault("`,` or `}`"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, NodeFault> {
        self.advance(1);
        let mut items = Vec::new();
        if self.take("]") {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.node(depth + 1)?);
            if self.take("]") {
                return Ok(Value::List(items));
            }
            if !self.take(",") {
                return Err(self.fault("`,` or `]`"));
            }
        }
    }

    fn string(&mut self) -> Result<String, NodeFault> {
        if !self.take("\"") {
            return Err(self.fault("a string"));
        }
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.advance(at + 1);
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, 't')) => text.push('\t'),
                    // Nothing in a configuration of realm needs the others.
                    Some((_, 'u' | 'b' | 'f')) | None => break,
                    Some((_, c)) => text.push(c),
                },
                '\n' => break,
                c => text.push(c),
            }
        }
        Err(self.fault("the end of a string without `\\u`"))
    }

    fn word(&mut self) -> Result<Value, NodeFault> {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
        let word = self.rest.get(..end.unwrap_or(self.rest.len())).unwrap_or_default();
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                Value::Number(word.to_owned())
            }
            _ => return Err(self.fault("a value")),
        };
        self.advance(word.len());
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_lines() {
        let node = parse("{\n \"a\": [1, {\"b\": \"x\\ty\"}],\n \"c\": true}\n").unwrap();
        assert_eq!(node.get("c").map(|c| c.line), Some(2));
        let a = node.get("a").unwrap();
        assert_eq!(a.items()[0].text(), "1");
        assert_eq!(a.items()[1].get("b").map(Node::text), Some("x\ty"));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "{", "{\"a\"", "{\"a\":}", "[1,]", "{} x", "\"\\u0041\"", "nul", "'a'"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
