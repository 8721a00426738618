//! Adapter files: how to find, configure and start a forwarder.

use std::path::Path;

use crate::failure::{Failure, Result};
use crate::fields::{self, Fields};

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
    let table = fields::table(key, text)?;
    let mut fields = Fields::of(key, &table);
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
    fields::read_all(dir, parse)
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
