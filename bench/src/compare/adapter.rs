//! Adapter files: how to find, configure and start a forwarder.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::failure::{Context, Failure, Result};

/// What an adapter file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Adapter {
    /// The name of the file without its ending; `--subjects` selects by it.
    pub(crate) key: String,
    /// The name in tables and charts.
    pub(crate) name: String,
    /// What to install when it is missing, in words that follow "install".
    pub(crate) package: String,
    /// Name or path of the program.
    pub(crate) binary: String,
    /// Other files that must be there.
    pub(crate) needs: Vec<String>,
    /// The command whose output has the version in it.
    pub(crate) version: Vec<String>,
    /// Command line as a template.
    pub(crate) command: Vec<String>,
    /// The configuration file, if it has one.
    pub(crate) config: Option<String>,
    /// What stands in the configuration once for each forward, at `{forwards}`. Without it only
    /// one forward can be configured.
    pub(crate) forward: Option<String>,
    /// More sessions than this are not asked of it.
    pub(crate) max_sessions: usize,
    /// What the reader of a table should know.
    pub(crate) note: String,
}

impl Adapter {
    /// Whether the number of workers can be configured.
    pub(crate) fn has_workers(&self) -> bool {
        self.command.iter().chain(&self.config).any(|text| text.contains("{workers}"))
    }

    fn check(&self) -> Result<()> {
        let placed = self.config.as_ref().is_some_and(|text| text.contains("{forwards}"));
        if placed == self.forward.is_some() {
            return Ok(());
        }
        let words = "`forward` and `{forwards}` in `config` go together: one of them is missing";
        Err(Failure::new(format!("{}.toml: {words}", self.key)))
    }
}

/// Reads an adapter file.
pub(crate) fn parse(key: &str, text: &str) -> Result<Adapter> {
    let table = DeTable::parse(text).context(&format!("{key}.toml"))?;
    let mut fields = Fields { key, table: table.get_ref(), known: Vec::new() };
    let adapter = Adapter {
        key: key.to_owned(),
        name: fields.text("name")?,
        package: fields.text("package")?,
        binary: fields.text("binary")?,
        needs: fields.optional_list("needs")?,
        version: fields.list("version")?,
        command: fields.list("command")?,
        config: fields.optional_text("config")?,
        forward: fields.optional_text("forward")?,
        max_sessions: fields.optional_number("max_sessions")?.unwrap_or(usize::MAX),
        note: fields.optional_text("note")?.unwrap_or_default(),
    };
    fields.reject_unknown()?;
    adapter.check()?;
    Ok(adapter)
}

/// Reads all adapter files of a directory, in the order of their names.
pub(crate) fn read_all(dir: &Path) -> Result<Vec<Adapter>> {
    let what = dir.display().to_string();
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).context(&what)? {
        let path = entry.context(&what)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Adapter> {
    let text = std::fs::read_to_string(path).context(&path.display().to_string())?;
    parse(&path.file_stem().unwrap_or_default().to_string_lossy(), &text)
}

/// The keys of a file, each asked for once.
struct Fields<'a> {
    key: &'a str,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    fn get(&mut self, name: &'static str) -> Option<&'a DeValue<'a>> {
        self.known.push(name);
        self.table.get(name).map(Spanned::get_ref)
    }

    fn wrong(&self, name: &str, wanted: &str) -> Failure {
        Failure::new(format!("{}.toml: `{name}` must be {wanted}", self.key))
    }

    fn optional_text(&mut self, name: &'static str) -> Result<Option<String>> {
        match self.get(name) {
            None => Ok(None),
            Some(DeValue::String(text)) => Ok(Some(text.to_string())),
            Some(_) => Err(self.wrong(name, "a text")),
        }
    }

    fn text(&mut self, name: &'static str) -> Result<String> {
        self.optional_text(name)?.ok_or_else(|| self.wrong(name, "given, as a text"))
    }

    fn optional_list(&mut self, name: &'static str) -> Result<Vec<String>> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let DeValue::Array(items) = value else { return Err(self.wrong(name, "a list of texts")) };
        let texts = items.iter().map(|item| match item.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(self.wrong(name, "a list of texts")),
        });
        texts.collect()
    }

    fn list(&mut self, name: &'static str) -> Result<Vec<String>> {
        let list = self.optional_list(name)?;
        if list.is_empty() {
            Err(self.wrong(name, "a list with at least one text"))
        } else {
            Ok(list)
        }
    }

    fn optional_number(&mut self, name: &'static str) -> Result<Option<usize>> {
        match self.get(name) {
            None => Ok(None),
            Some(DeValue::Integer(number)) => {
                let number = number.as_str().parse().ok();
                number.map(Some).ok_or_else(|| self.wrong(name, "a whole number"))
            }
            Some(_) => Err(self.wrong(name, "a whole number")),
        }
    }

    fn reject_unknown(&self) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        name = "A forwarder"
        package = "a-package"
        binary = "forward"
        version = ["{binary}", "-v"]
        command = ["{binary}", "-c", "{config}"]
        config = "listen {listen}"
        max_sessions = 500
    "#;

    #[test]
    fn a_file_is_read() {
        let adapter = parse("forward", WHOLE).unwrap();
        assert_eq!((adapter.key.as_str(), adapter.name.as_str()), ("forward", "A forwarder"));
        assert_eq!(adapter.command, ["{binary}", "-c", "{config}"]);
        assert_eq!(adapter.config.as_deref(), Some("listen {listen}"));
        assert_eq!((adapter.max_sessions, adapter.needs.len()), (500, 0));
        assert!(adapter.forward.is_none() && !adapter.has_workers());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, words) in [
            ("name = 1", "forward.toml: `name` must be a text"),
            ("name = ''", "forward.toml: `package` must be given, as a text"),
            (&format!("{WHOLE}\ncolour = 1"), "forward.toml: unknown key `colour`; there are name"),
            (
                &WHOLE.replace("500", "'many'"),
                "forward.toml: `max_sessions` must be a whole number",
            ),
            (
                &format!("{WHOLE}\nforward = 'a block'"),
                "forward.toml: `forward` and `{forwards}` in `config` go together",
            ),
        ] {
            let error = parse("forward", text).unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}");
        }
    }

    #[test]
    fn every_shipped_file_is_right() {
        let adapters = read_all(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/peers"))).unwrap();
        let keys: Vec<_> = adapters.iter().map(|adapter| adapter.key.as_str()).collect();
        for key in ["haproxy", "haproxy-splice", "nginx", "rinetd", "socat", "realm", "go-copy"] {
            assert!(keys.contains(&key), "{key} is missing in {keys:?}");
        }
        let values = super::super::launch::placeholders_for_tests();
        for adapter in &adapters {
            let texts = adapter.command.iter().chain(&adapter.version);
            for text in texts.chain(&adapter.config).chain(&adapter.forward) {
                super::super::template::fill_in(text, &values).unwrap();
            }
        }
    }
}
