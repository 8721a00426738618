//! The programs of these cases: their files in `bench/failover`.

use crate::failure::{Failure, Result};
use crate::fields::Fields;
use crate::trial::program::{self, Configs};

pub(super) type Program = program::Program<Templates>;

/// The configurations of a program; it takes part in the cases that it has one for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Templates {
    /// Several targets by address.
    pub(super) several: Option<Config>,
    /// One name with several addresses.
    pub(super) names: Option<String>,
    /// Targets of which an HTTP check finds the primary.
    pub(super) role: Option<Config>,
}

/// A configuration file as a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    /// The file, with `{targets}`, or `{first_target}` and `{other_targets}`, in it.
    pub(super) text: String,
    /// The part at `{targets}` or `{other_targets}` for each target.
    pub(super) target: String,
}

impl Configs for Templates {
    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Self {
            several: config(fields, "several", "target")?,
            names: fields.optional_text("names")?,
            role: config(fields, "role", "role_target")?,
        })
    }
}

fn config(
    fields: &mut Fields<'_>,
    text: &'static str,
    target: &'static str,
) -> Result<Option<Config>> {
    match (fields.optional_text(text)?, fields.optional_text(target)?) {
        (None, None) => Ok(None),
        (Some(text), Some(target)) if text.contains("targets}") => {
            Ok(Some(Config { text, target }))
        }
        _ => {
            let words = format!("`{target}` and the place of targets in `{text}` go together");
            Err(Failure::new(words))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::fields;
    use crate::trial::program::{File, parse};

    const HEAD: &str =
        "name = 'A'\npackage = 'a'\nbinary = 'a'\nversion = ['x']\ncommand = ['x']\n";

    fn file(text: &str) -> Result<File<Templates>> {
        parse("a", &format!("{HEAD}{text}"))
    }

    #[test]
    fn a_target_goes_with_its_place() {
        let good = file("several = '{targets}'\ntarget = 't'").unwrap().configs;
        assert_eq!(good.several, Some(Config { text: "{targets}".into(), target: "t".into() }));
        assert_eq!(good.names, None);
        for wrong in ["several = '{targets}'", "several = ''\ntarget = 't'", "role_target = 't'"] {
            let error = file(wrong).unwrap_err().to_string();
            assert!(error.contains("go together"), "{error}");
        }
    }

    #[test]
    fn every_shipped_file_is_right() {
        let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/failover"));
        let files = fields::read_all(dir, parse::<Templates>).unwrap();
        let with = |has: fn(&Templates) -> bool| files.iter().filter(|it| has(&it.configs)).count();
        assert!(with(|configs| configs.several.is_some()) >= 8);
        assert!(with(|configs| configs.names.is_some()) >= 5);
        assert!(with(|configs| configs.role.is_some()) >= 3);
    }
}
