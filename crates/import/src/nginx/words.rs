//! nginx's grammar: words, `;` and blocks.

use std::sync::Arc;
use std::time::Duration;

use crate::note::{SourcePlace, quoted};

/// Deeper than nginx's own modules need, and far from the end of the stack.
const DEPTH_MAX: usize = 32;

/// A directive with all that belongs to it.
pub(super) struct Directive {
    pub(super) place: SourcePlace,
    /// Name and arguments.
    pub(super) words: Vec<String>,
    pub(super) block: Option<Vec<Directive>>,
    /// For an `include`: the reason why it was not followed.
    pub(super) fault: Option<String>,
}

impl Directive {
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The first argument; empty if there is none.
    pub(super) fn argument(&self) -> &str {
        self.words.get(1).map_or("", String::as_str)
    }

    /// The message about an `include` that was not followed.
    pub(super) fn unread(&self) -> Option<String> {
        let why = self.fault.as_ref()?;
        Some(format!("`include` {}: {why}", quoted(self.argument())))
    }
}

/// Syntax error that nginx reports too.
pub(super) struct WordFault {
    pub(super) place: SourcePlace,
    pub(super) message: String,
}

enum Token {
    Word(String),
    Semicolon,
    Open,
    Close,
}

/// A block that is not yet closed.
struct Level {
    directives: Vec<Directive>,
    /// The directive whose block it is; none for the file.
    owner: Option<Directive>,
}

pub(super) fn parse(name: &str, text: &str) -> Result<Vec<Directive>, WordFault> {
    let mut tokens = Tokens { file: super::file(name), rest: text, line: 0 };
    let mut level = Level { directives: Vec::new(), owner: None };
    let mut outer: Vec<Level> = Vec::new();
    let mut pending: Option<Directive> = None;
    while let Some(token) = tokens.next()? {
        match token {
            Token::Word(word) => {
                let place = tokens.place();
                pending
                    .get_or_insert_with(|| Directive {
                        place,
                        words: Vec::new(),
                        block: None,
                        fault: None,
                    })
                    .words
                    .push(word);
            }
            Token::Semicolon => match pending.take() {
                Some(directive) => level.directives.push(directive),
                None => return Err(tokens.fault("nothing stands before this `;`")),
            },
            Token::Open => {
                let Some(owner) = pending.take() else {
                    return Err(tokens.fault("nothing stands before this `{`"));
                };
                if outer.len() >= DEPTH_MAX {
                    return Err(tokens.fault("blocks are nested too deep"));
                }
                let inner = Level { directives: Vec::new(), owner: Some(owner) };
                outer.push(std::mem::replace(&mut level, inner));
            }
            Token::Close => {
                let (Some(around), None) = (outer.pop(), &pending) else {
                    return Err(tokens.fault("this `}` is too much, or a `;` is missing before it"));
                };
                let inner = std::mem::replace(&mut level, around);
                let owner =
                    inner.owner.map(|owner| Directive { block: Some(inner.directives), ..owner });
                level.directives.extend(owner);
            }
        }
    }
    match (outer.is_empty(), pending) {
        (true, None) => Ok(level.directives),
        _ => Err(tokens.fault("the file ends in the middle of a block or directive")),
    }
}

struct Tokens<'a> {
    file: Arc<str>,
    rest: &'a str,
    /// Line index, from 0.
    line: usize,
}

impl Tokens<'_> {
    fn place(&self) -> SourcePlace {
        SourcePlace::nth(&self.file, self.line)
    }

    fn fault(&self, message: &str) -> WordFault {
        WordFault { place: self.place(), message: message.to_owned() }
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }

    fn next(&mut self) -> Result<Option<Token>, WordFault> {
        loop {
            self.advance(self.rest.len() - self.rest.trim_start().len());
            if !self.rest.starts_with('#') {
                break;
            }
            self.advance(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
        let token = match self.rest.chars().next() {
            None => return Ok(None),
            Some(';') => Token::Semicolon,
            Some('{') => Token::Open,
            Some('}') => Token::Close,
            Some(quote @ ('"' | '\'')) => return self.quoted(quote).map(Some),
            Some(_) => return Ok(Some(self.word())),
        };
        self.advance(1);
        Ok(Some(token))
    }

    fn quoted(&mut self, quote: char) -> Result<Token, WordFault> {
        let mut word = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.advance(at + 1);
                return Ok(Token::Word(word));
            }
            match c {
                '\\' => escaped(&mut word, chars.next().map(|(_, c)| c)),
                c => word.push(c),
            }
        }
        Err(self.fault("a quote is not closed"))
    }

    fn word(&mut self) -> Token {
        let mut word = String::new();
        let (mut end, mut variable) = (self.rest.len(), false);
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => escaped(&mut word, chars.next().map(|(_, c)| c)),
                // `${name}` is a variable and opens no block.
                '{' if word.ends_with('$') => {
                    variable = true;
                    word.push(c);
                }
                '}' if variable => {
                    variable = false;
                    word.push(c);
                }
                ';' | '{' | '}' => {
                    end = at;
                    break;
                }
                c if c.is_whitespace() => {
                    end = at;
                    break;
                }
                c => word.push(c),
            }
        }
        self.advance(end);
        Token::Word(word)
    }
}

/// Adds what a backslash and the next character stand for: both, unless nginx knows them.
fn escaped(word: &mut String, next: Option<char>) {
    match next {
        Some(c @ ('"' | '\'' | '\\')) => word.push(c),
        Some('n') => word.push('\n'),
        Some('r') => word.push('\r'),
        Some('t') => word.push('\t'),
        other => {
            word.push('\\');
            word.extend(other);
        }
    }
}

/// A time as nginx writes it: `30`, `30s`, `1h 30m`, `500ms`.
pub(super) fn time(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 9] = [
        ("ms", 1),
        ("s", 1000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
        ("w", 7 * 86_400_000),
        ("M", 30 * 86_400_000),
        ("y", 365 * 86_400_000),
        ("", 1000),
    ];
    let (mut rest, mut total) = (text, 0u64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*size)?)?;
        rest = after.trim_start();
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_have_words_blocks_and_places() {
        let text = "a 'b c' \"d\\\"\" e${f}g; # x;\nh {\n  i j;\n}\n~\\bk\\b \"\\.l\\\\\";\n";
        let Ok(directives) = parse("f", text) else { panic!("a valid text") };
        assert_eq!(directives[0].words, ["a", "b c", "d\"", "e${f}g"]);
        assert_eq!(directives[2].words, ["~\\bk\\b", "\\.l\\"]);
        let block = directives[1].block.as_deref().unwrap();
        assert_eq!((block[0].name(), block[0].place.line), ("i", 3));
    }

    #[test]
    fn what_nginx_refuses_is_refused() {
        for text in ["a", "a {", "}", ";", "{", "a 'b;", "a { b }", "a; }"] {
            assert!(parse("f", text).is_err(), "{text}");
        }
        assert!(parse("f", &"a{".repeat(100_000)).is_err());
    }

    #[test]
    fn times_are_read() {
        let cases = [("30", 30_000), ("1h 30m", 5_400_000), ("500ms", 500), ("1M", 2_592_000_000)];
        for (text, millis) in cases {
            assert_eq!(time(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "x", "1x", "s", "99999999999999999999y"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
