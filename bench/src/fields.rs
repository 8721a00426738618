//! Small TOML files that describe programs: their keys, with errors that name file and key.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::failure::{Context, Failure, Result};

/// A parsed file.
pub(crate) type Table<'a> = Spanned<DeTable<'a>>;

/// Parses the text of the file `key`.toml.
pub(crate) fn table<'a>(key: &str, text: &'a str) -> Result<Table<'a>> {
    DeTable::parse(text).context(&format!("{key}.toml"))
}

/// Reads all files of a directory whose names end in `.toml`, in the order of their names. `parse`
/// gets the name without its ending, and the text.
pub(crate) fn read_all<T>(dir: &Path, parse: fn(&str, &str) -> Result<T>) -> Result<Vec<T>> {
    let what = dir.display().to_string();
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).context(&what)? {
        let path = entry.context(&what)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path).context(&path.display().to_string())?;
        parse(&path.file_stem().unwrap_or_default().to_string_lossy(), &text)
    };
    paths.iter().map(|path| read(path)).collect()
}

/// The keys of a file, each asked for once.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    key: &'a str,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of the file `key`.toml.
    pub(crate) fn of(key: &'a str, table: &'a Table<'a>) -> Self {
        Self { key, table: table.get_ref(), known: Vec::new() }
    }

    fn get(&mut self, name: &'static str) -> Option<&'a DeValue<'a>> {
        self.known.push(name);
        self.table.get(name).map(Spanned::get_ref)
    }

    fn wrong(&self, name: &str, wanted: &str) -> Failure {
        Failure::new(format!("{}.toml: `{name}` must be {wanted}", self.key))
    }

    /// The text of a key, if the file has it.
    pub(crate) fn optional_text(&mut self, name: &'static str) -> Result<Option<String>> {
        match self.get(name) {
            None => Ok(None),
            Some(DeValue::String(text)) => Ok(Some(text.to_string())),
            Some(_) => Err(self.wrong(name, "a text")),
        }
    }

    /// The text of a key that the file must have.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<String> {
        self.optional_text(name)?.ok_or_else(|| self.wrong(name, "given, as a text"))
    }

    /// The texts of a key, none if the file lacks it.
    pub(crate) fn optional_list(&mut self, name: &'static str) -> Result<Vec<String>> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let DeValue::Array(items) = value else { return Err(self.wrong(name, "a list of texts")) };
        let texts = items.iter().map(|item| match item.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(self.wrong(name, "a list of texts")),
        });
        texts.collect()
    }

    /// The texts of a key that the file must have.
    pub(crate) fn list(&mut self, name: &'static str) -> Result<Vec<String>> {
        let list = self.optional_list(name)?;
        if list.is_empty() {
            Err(self.wrong(name, "a list with at least one text"))
        } else {
            Ok(list)
        }
    }

    /// The whole number of a key, if the file has it.
    pub(crate) fn optional_number(&mut self, name: &'static str) -> Result<Option<usize>> {
        match self.get(name) {
            None => Ok(None),
            Some(DeValue::Integer(number)) => {
                let number = number.as_str().parse().ok();
                number.map(Some).ok_or_else(|| self.wrong(name, "a whole number"))
            }
            Some(_) => Err(self.wrong(name, "a whole number")),
        }
    }

    /// Reports a key that has not been asked for.
    pub(crate) fn reject_unknown(&self) -> Result<()> {
        let unknown = self.table.keys().find(|key| !self.known.contains(&key.get_ref().as_ref()));
        match unknown {
            None => Ok(()),
            Some(key) => Err(Failure::new(format!(
                "{}.toml: unknown key `{}`; there are {}",
                self.key,
                key.get_ref(),
                self.known.join(", ")
            ))),
        }
    }
}
