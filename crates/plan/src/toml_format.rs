//! The TOML format, read from the parser's document tree: every problem has its place, and one
//! problem does not hide the next.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use crate::draft::{Draft, ForwardOnly};
use crate::paths::RolePath;
use crate::plan::{ForwardSettings, Log, Process};
use crate::problem::{ParseError, Problems, Severity};
use crate::process_table::process;
use crate::setting::{Section, Setting};
use crate::settings::{FORWARD_ONLY, settings};
use crate::table::Table;
use crate::text::{Source, Span, nearest, quoted};
use crate::toml_values::{Entries, Reader};

/// What a file says.
#[derive(Default)]
pub(crate) struct Document<'a> {
    pub(crate) process: Process,
    pub(crate) log: Log,
    /// The settings of a forward that sets nothing itself.
    pub(crate) defaults: ForwardSettings,
    pub(crate) drafts: Vec<Draft<'a>>,
    /// The files that the tables name; those of the drafts are in the drafts.
    pub(crate) paths: Vec<RolePath<'a>>,
}

/// The tables a file may have, by their keys.
const TABLES: [&str; 4] = ["process", "log", "defaults", "forward"];

/// The settings allowed in `[[forward]]`.
const IN_FORWARD: [&[Setting]; 2] = [FORWARD_ONLY, ForwardSettings::SETTINGS];

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
    let mut reader = Reader { source, problems, broken: HashSet::new(), paths: Vec::new() };
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

impl<'a> Reader<'a, '_> {
    fn syntax_error(&mut self, error: &toml::de::Error) {
        let span = self.source.span(error.span().unwrap_or_default());
        let message = match span.text() {
            "" => error.message().to_owned(),
            text if text.contains('\n') => error.message().to_owned(),
            text => format!("{}: {}", error.message(), quoted(text)),
        };
        if self.broken.insert(self.source.line(span.range.start)) {
            self.problems.push(Severity::Error, &span, &ParseError::new(0..0, message));
        }
    }

    fn document(&mut self, tables: Entries<'_, '_>) -> Document<'a> {
        let mut document = Document::default();
        for key in tables.keys().filter(|key| !TABLES.contains(&key.get_ref().as_ref())) {
            self.unknown_table(key);
        }
        if let Some(table) = self.table(tables, "process") {
            document.process = process(self, table);
        }
        if let Some(table) = self.table(tables, "log") {
            self.fill(&mut document.log, table);
        }
        if let Some(table) = self.table(tables, "defaults") {
            self.fill(&mut document.defaults, table);
        }
        for (table, range) in self.forwards(tables) {
            let draft = self.forward(table, range, document.defaults);
            document.drafts.push(draft);
        }
        document.paths = std::mem::take(&mut self.paths);
        document
    }

    fn unknown_table(&mut self, key: &Spanned<Cow<'_, str>>) {
        let name = key.get_ref().as_ref();
        let fault = ParseError::new(0..0, format!("unknown table or key {}", quoted(name)));
        let section = settings().iter().find(|setting| setting.key == name);
        let fault = match (section, nearest(name, &TABLES)) {
            (Some(setting), _) => {
                fault.hint(format!("`{name}` belongs in {}", setting.section.header()))
            }
            (None, Some("forward")) => fault.hint("did you mean `[[forward]]`?"),
            (None, Some(near)) => fault.hint(format!("did you mean `[{near}]`?")),
            (None, None) => fault.hint("the tables are [process], [log], [defaults], [[forward]]"),
        };
        self.fault(&self.source.span(key.span()), &fault);
    }

    /// A table that stands at most once.
    fn table<'t, 'i>(&mut self, tables: Entries<'t, 'i>, name: &str) -> Option<Entries<'t, 'i>> {
        let (key, value) = tables.get_key_value(name)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            let message = format!("`{name}` must be a table and is written once, as `[{name}]`");
            self.fault(&self.source.span(key.span()), &ParseError::new(0..0, message));
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
            let fault = ParseError::new(0..0, "`forward` must be a list of tables").hint(hint);
            self.fault(&self.source.span(key.span()), &fault);
            return Vec::new();
        };
        let mut forwards = Vec::new();
        for value in values {
            if let Some(table) = value.get_ref().as_table() {
                forwards.push((table, value.span()));
            } else {
                let fault = ParseError::new(0..0, "a forward must be a table").hint(hint);
                self.fault(&self.source.span(value.span()), &fault);
            }
        }
        forwards
    }

    /// One forward, as far as it could be read.
    fn forward(
        &mut self,
        table: Entries<'_, '_>,
        range: Range<usize>,
        defaults: ForwardSettings,
    ) -> Draft<'a> {
        let span = self.source.span(range);
        let mut settings = defaults;
        let mut own = ForwardOnly::default();
        for (setting, parsed) in self.entries(&IN_FORWARD, table) {
            match setting.section {
                Section::Forward => own.set(self.source, setting, parsed),
                _ => settings.set(setting, parsed.value),
            }
        }
        self.required(table, "listen", "listen = \":port\"", &span);
        self.required(table, "to", "to = \"host:port\"", &span);
        own.into_draft(table.contains_key("name"), settings, span)
    }

    fn required(&mut self, table: Entries<'_, '_>, key: &str, example: &str, forward: &Span<'a>) {
        // After a syntax error the key may be there, in a part the parser gave up on.
        if !table.contains_key(key) && self.broken.is_empty() {
            let fault = ParseError::new(0..0, format!("this forward has no `{key}`"));
            self.fault(forward, &fault.hint(format!("add `{example}`")));
        }
    }
}
