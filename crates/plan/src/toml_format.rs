//! The TOML format, read from the parser's document tree: every problem has its place, and one
//! problem does not hide the next.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::address::{Ranged, Target};
use crate::address_text::{parse_listen, parse_target};
use crate::draft::{Draft, Listen, Written, default_name};
use crate::fields::{set_forward, set_log};
use crate::plan::{ForwardSettings, Log, Process};
use crate::problem::{Fault, Problems, Severity};
use crate::settings::{Kind, Section, settings};
use crate::text::{Piece, Source, Spot, quoted};
use crate::value::{check_name, nearest};

/// What a file says.
#[derive(Default)]
pub(crate) struct Document<'a> {
    pub(crate) process: Process,
    pub(crate) log: Log,
    /// The settings of a forward that sets nothing itself.
    pub(crate) defaults: ForwardSettings,
    pub(crate) drafts: Vec<Draft<'a>>,
}

/// The tables a file may have, by their keys.
const TABLES: [&str; 4] = ["process", "log", "defaults", "forward"];

/// Where the keys of `[[forward]]` and of `[defaults]` are looked up.
const IN_FORWARD: &[Section] = &[Section::Forward, Section::ForwardDefaults];
const IN_DEFAULTS: &[Section] = &[Section::ForwardDefaults];

/// The parser keeps every syntax error it recovers from, and a file full of them would fill the
/// memory: a text longer than this gets only its first one.
const RECOVERY_MAX: usize = 1024 * 1024;

/// Whether the text is TOML without a syntax error.
pub(crate) fn parses(source: &Source) -> bool {
    DeTable::parse(source.text()).is_ok()
}

/// Reads a file.
pub(crate) fn read<'a>(source: &'a Source, problems: &mut Problems) -> Document<'a> {
    let (tables, errors) = parse(source.text());
    let mut reader = Reader { source, problems, broken: HashSet::new() };
    for error in &errors {
        reader.syntax_error(error);
    }
    reader.document(tables.get_ref())
}

/// The tables, and the syntax errors: all of them, or of a huge text only the first.
fn parse(text: &str) -> (Spanned<DeTable<'_>>, Vec<toml::de::Error>) {
    if text.len() <= RECOVERY_MAX {
        return DeTable::parse_recoverable(text);
    }
    match DeTable::parse(text) {
        Ok(tables) => (tables, Vec::new()),
        Err(error) => (Spanned::new(0..0, DeTable::new()), vec![error]),
    }
}

pub(crate) struct Reader<'a, 'p> {
    pub(crate) source: &'a Source,
    pub(crate) problems: &'p mut Problems,
    /// Lines with a syntax error: what the parser made of them is not worth a second complaint.
    pub(crate) broken: HashSet<u32>,
}

/// A table's entries, by key.
pub(crate) type Entries<'t, 'i> = &'t DeTable<'i>;

impl<'a> Reader<'a, '_> {
    fn syntax_error(&mut self, error: &toml::de::Error) {
        let spot = self.source.spot(error.span().unwrap_or_default());
        let message = match spot.text() {
            "" => error.message().to_owned(),
            text if text.contains('\n') => error.message().to_owned(),
            text => format!("{}: {}", error.message(), quoted(text)),
        };
        if self.broken.insert(self.source.line(spot.span.start)) {
            self.problems.push(Severity::Error, &spot, &Fault::new(0..0, message));
        }
    }

    fn document(&mut self, tables: Entries<'_, '_>) -> Document<'a> {
        let mut document = Document::default();
        for key in tables.keys().filter(|key| !TABLES.contains(&key.get_ref().as_ref())) {
            self.unknown_table(key);
        }
        if let Some(table) = self.table(tables, "process") {
            document.process = self.process(table);
        }
        if let Some(table) = self.table(tables, "log") {
            self.entries(&[Section::Log], table, |key, value| {
                set_log(&mut document.log, key, &value);
            });
        }
        if let Some(table) = self.table(tables, "defaults") {
            self.entries(IN_DEFAULTS, table, |key, value| {
                set_forward(&mut document.defaults, key, &value);
            });
        }
        for (table, span) in self.forwards(tables) {
            let draft = self.forward(table, span, document.defaults);
            document.drafts.push(draft);
        }
        document
    }

    fn unknown_table(&mut self, key: &Spanned<Cow<'_, str>>) {
        let name = key.get_ref().as_ref();
        let fault = Fault::new(0..0, format!("unknown table or key {}", quoted(name)));
        let section = settings().iter().find(|setting| setting.key == name);
        let fault = match (section, nearest(name, &TABLES)) {
            (Some(setting), _) => {
                fault.hint(format!("`{name}` belongs in {}", setting.section.header()))
            }
            (None, Some("forward")) => fault.hint("did you mean `[[forward]]`?"),
            (None, Some(near)) => fault.hint(format!("did you mean `[{near}]`?")),
            (None, None) => fault.hint("the tables are [process], [log], [defaults], [[forward]]"),
        };
        self.fault(&self.source.spot(key.span()), &fault);
    }

    /// A table that stands at most once.
    fn table<'t, 'i>(&mut self, tables: Entries<'t, 'i>, name: &str) -> Option<Entries<'t, 'i>> {
        let (key, value) = tables.get_key_value(name)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            let message = format!("`{name}` must be a table and is written once, as `[{name}]`");
            self.fault(&self.source.spot(key.span()), &Fault::new(0..0, message));
        }
        table
    }

    /// The tables of `[[forward]]`, each with its place.
    fn forwards<'t, 'i>(
        &mut self,
        tables: Entries<'t, 'i>,
    ) -> Vec<(Entries<'t, 'i>, Range<usize>)> {
        let Some((key, value)) = tables.get_key_value("forward") else { return Vec::new() };
        let hint = "each forward starts with `[[forward]]`, in double brackets";
        let Some(values) = value.get_ref().as_array() else {
            let fault = Fault::new(0..0, "`forward` must be a list of tables").hint(hint);
            self.fault(&self.source.spot(key.span()), &fault);
            return Vec::new();
        };
        let mut forwards = Vec::new();
        for value in values {
            if let Some(table) = value.get_ref().as_table() {
                forwards.push((table, value.span()));
            } else {
                let fault = Fault::new(0..0, "a forward must be a table").hint(hint);
                self.fault(&self.source.spot(value.span()), &fault);
            }
        }
        forwards
    }

    /// One forward, as far as it could be read.
    fn forward(
        &mut self,
        table: Entries<'_, '_>,
        span: Range<usize>,
        defaults: ForwardSettings,
    ) -> Draft<'a> {
        let spot = self.source.spot(span);
        let mut settings = defaults;
        self.entries(IN_FORWARD, table, |key, value| {
            set_forward(&mut settings, key, &value);
        });
        let name = table.get("name").map(|value| self.name(value));
        let listens = self.required(table, "listen", &spot).map(|value| self.listens(value));
        let target = self.required(table, "to", &spot).and_then(|value| self.target(value));
        let listens = listens.unwrap_or_default();
        let named = name.is_some();
        let first = listens.first().and_then(Option::as_ref);
        let name = name.unwrap_or_else(|| first.map(default_name));
        let listens = listens.into_iter().flatten().collect();
        Draft { name, named, listens, target, settings, spot, severity: Severity::Error }
    }

    fn required<'t, 'i>(
        &mut self,
        table: Entries<'t, 'i>,
        key: &str,
        forward: &Spot<'a>,
    ) -> Option<&'t Spanned<DeValue<'i>>> {
        let value = table.get(key);
        // After a syntax error the key may be there, in a part the parser gave up on.
        if value.is_none() && self.broken.is_empty() {
            let fault = Fault::new(0..0, format!("this forward has no `{key}`"));
            let hint = if key == "to" { "to = \"host:port\"" } else { "listen = \":port\"" };
            self.fault(forward, &fault.hint(format!("add `{hint}`")));
        }
        value
    }

    fn name(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Written<'a, String>> {
        let (text, spot) = self.string(value, Kind::Name)?;
        let checked = check_name(text).map(|()| text.to_owned());
        self.written(checked, spot)
    }

    fn target(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Written<'a, Ranged<Target>>> {
        let (text, spot) = self.string(value, Kind::Target)?;
        self.written(parse_target(Piece::new(text)), spot)
    }

    /// One address or several; nothing for each that could not be read.
    fn listens(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Option<Listen<'a>>> {
        let Some(list) = value.get_ref().as_array() else {
            return vec![self.listen(value)];
        };
        if list.is_empty() {
            let fault = Fault::new(0..0, "the list of listen addresses is empty");
            self.fault(&self.source.spot(value.span()), &fault);
        }
        list.iter().map(|value| self.listen(value)).collect()
    }

    fn listen(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Listen<'a>> {
        let (text, spot) = self.string(value, Kind::Listen)?;
        self.written(parse_listen(Piece::new(text)), spot)
    }
}
