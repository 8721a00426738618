//! Published texts: TOML with `[defaults]` and `[[forward]]` only. All else stays in the local file of each machine.

use std::path::Path;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::Reading;
use crate::check::check;
use crate::document::Document;
use crate::file::{self, Decoded};
use crate::format::{Format, detect};
use crate::forward_only::FORWARD_ONLY;
use crate::location::Location;
use crate::paths::{self, Files, RolePath};
use crate::plan::{ForwardSettings, ListenNames, Log, Plan, Process};
use crate::problem::{ParseError, Problems, Severity};
use crate::release::Release;
use crate::setting::{Role, Setting};
use crate::settings::find;
use crate::table::Table as _;
use crate::text::Source;
use crate::toml_format::{self, Scope};

const EXAMPLE: &str = "a published text is TOML with [defaults] and forwards:
    [[forward]]
    listen = \":18080\"
    to = \"127.0.0.1:8080\"";

/// Parses a published text, and reports all that it may not have.
pub(crate) fn document<'a>(source: &'a Source, problems: &mut Problems) -> Document<'a> {
    let mut own = problems.none();
    let document = match detect(source.text()) {
        Format::Empty => Document::default(),
        Format::Lines => {
            let message = "a published text in the older format, of which wrong lines are skipped";
            let error = ParseError::new(0..0, message).hint(EXAMPLE);
            let first = source.text().lines().next().unwrap_or_default().len();
            own.push(Severity::Error, &source.span(0..first), &error);
            Document::default()
        }
        Format::Toml | Format::Mixed { .. } => {
            toml_format::read(source, Scope::Published, &mut own)
        }
    };
    if document.drafts.is_empty() && !own.has_errors() {
        let message = format!("{} holds no forward", source.name());
        let error = ParseError::new(0..0, message).hint(EXAMPLE);
        own.push(Severity::Error, &source.span(0..0), &error);
    }
    problems.append(own);
    document
}

/// Reads the text that is to be published from a file, an open pipe, or standard input as `-`.
///
/// # Errors
///
/// It cannot be read, or is not UTF-8: every machine must get the bytes of the file.
pub fn read_text_to_publish(path: &Path) -> Result<String, Problems> {
    let decoded = file::decode_once(path);
    decoded.and_then(|Decoded { text, fault }| fault.map_or(Ok(text), Err)).map_err(|fault| {
        let mut problems = Problems::default();
        problems.push_error_at(fault.location, &fault.message, fault.hint);
        problems
    })
}

/// Reads a text that is to be published. `name` is the source of its locations. The plan has its forwards alone, and
/// the files that it names are not opened: they are those of each machine.
pub fn read_published(name: &str, text: &str) -> Reading {
    let source = Source::new(name, text);
    let mut problems = Problems::default();
    let mut document = document(&source, &mut problems);
    let listeners = document.drafts.iter().flat_map(RolePath::of_draft);
    let paths = std::mem::take(&mut document.paths).into_iter().chain(listeners).collect();
    paths::check(paths, &Log::default(), Files::Text, &mut problems, Role::Prefixes);
    let forwards = check(&document.drafts, &Process::default(), &mut problems);
    problems.sort();
    let plan = Plan {
        process: Process::default(),
        log: Log::default(),
        fleet: None,
        forwards: forwards.into_iter().map(Arc::new).collect(),
        config: None,
        text: Some(Arc::from(text)),
        published: None,
        listen_names: ListenNames::new(),
    };
    let plan = (!problems.has_errors()).then_some(plan);
    Reading { plan, problems, state: None, prefix_files: Vec::new() }
}

/// A setting of a published text, with the first version that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedNeed {
    /// The key, with those of the tables around it: `check.every`.
    pub key: String,
    /// The first version that has it.
    pub since: Release,
    /// Its place in the text.
    pub location: Location,
}

/// The settings that a published text uses, in its order. An instance of an older version than one of them refuses
/// the text. `name` is the source of the locations.
pub fn published_needs(name: &str, text: &str) -> Vec<PublishedNeed> {
    let source = Source::new(name, text);
    let Ok(tables) = DeTable::parse(source.text()) else { return Vec::new() };
    let mut needs = Needs { source: &source, found: Vec::new() };
    let known = [FORWARD_ONLY, ForwardSettings::SETTINGS];
    for key in ["defaults", "forward"] {
        if let Some(value) = tables.get_ref().get(key) {
            needs.add_value(&known, "", value.get_ref());
        }
    }
    needs.found.sort_by_key(|need| (need.location.line, need.location.column));
    needs.found
}

struct Needs<'a> {
    source: &'a Source,
    found: Vec<PublishedNeed>,
}

impl Needs<'_> {
    fn add_value(&mut self, known: &[&'static [Setting]], path: &str, value: &DeValue<'_>) {
        match value {
            DeValue::Table(table) => self.add_table(known, path, table),
            DeValue::Array(values) => {
                values.iter().for_each(|value| self.add_value(known, path, value.get_ref()));
            }
            _ => {}
        }
    }

    fn add_table(&mut self, known: &[&'static [Setting]], path: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let Some(setting) = find(known, name.get_ref()) else { continue };
            let key = format!("{path}{}", setting.key);
            let inner = format!("{key}.");
            let location = self.source.span(name.span()).location();
            self.found.push(PublishedNeed { key, since: setting.since, location });
            self.add_value(&setting.kind.inner(), &inner, value.get_ref());
        }
    }
}
