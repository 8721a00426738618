//! The programs under test: their files in `bench/failover`, found and described.

use std::path::{Path, PathBuf};

use super::Failover;
use crate::compare::subject::{find_program, version_of};
use crate::failure::{Failure, Result};
use crate::fields::{self, Fields};

/// A program that is here, with one of its configurations: a row of the tables.
#[derive(Debug)]
pub(super) struct Program {
    /// The name of its file without the ending; `--subjects` selects by it.
    pub(super) key: String,
    pub(super) name: String,
    pub(super) binary: PathBuf,
    pub(super) version: String,
    pub(super) note: String,
    /// Command line as a template.
    pub(super) command: Vec<String>,
    /// Several targets by address.
    pub(super) several: Option<Config>,
    /// One name with several addresses, as a template. `None`: it takes no part in these cases.
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

impl Program {
    /// Whether this is our own forwarder, with any configuration.
    pub(super) fn is_ours(&self) -> bool {
        self.key.starts_with(OURS)
    }
}

/// The beginning of the names of our own files.
const OURS: &str = "ours";

/// Programs that are here, and the names and packages of the others.
pub(super) type Found = (Vec<Program>, Vec<(String, String)>);

/// Looks for all programs that the options select; ours come first.
pub(super) fn find(options: &Failover) -> Result<Found> {
    let wanted = |file: &&File| options.subjects.is_empty() || options.subjects.contains(&file.key);
    let mut files = fields::read_all(&options.adapters, parse)?;
    files.sort_by(|one, other| one.key.cmp(&other.key));
    let (mut ours, mut others, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for file in files.iter().filter(wanted) {
        if file.key.starts_with(OURS) {
            ours.push(file.at(our_binary(&options.ours)?));
            continue;
        }
        match find_program(&file.binary, &file.needs) {
            Some(binary) => others.push(file.at(binary)),
            None => missing.push((file.name.clone(), file.package.clone())),
        }
    }
    ours.append(&mut others);
    if ours.is_empty() {
        return Err(Failure::new("--subjects selects no program that is here"));
    }
    Ok((ours, missing))
}

fn our_binary(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path)?;
    if path.is_file() {
        return Ok(path);
    }
    let words = format!("{} is not there: build it with `make build`", path.display());
    Err(Failure::new(words))
}

/// The contents of a file.
#[derive(Debug, PartialEq, Eq)]
struct File {
    key: String,
    name: String,
    /// What to install when it is missing, in words that follow "install".
    package: String,
    /// Name or path of the program.
    binary: String,
    /// Other files that must be there.
    needs: Vec<String>,
    /// The command whose output has the version in it.
    version: Vec<String>,
    command: Vec<String>,
    note: String,
    several: Option<Config>,
    names: Option<String>,
    role: Option<Config>,
}

impl File {
    fn at(&self, binary: PathBuf) -> Program {
        Program {
            key: self.key.clone(),
            name: self.name.clone(),
            version: version_of(&binary, &self.version),
            binary,
            note: self.note.clone(),
            command: self.command.clone(),
            several: self.several.clone(),
            names: self.names.clone(),
            role: self.role.clone(),
        }
    }
}

fn parse(key: &str, text: &str) -> Result<File> {
    let table = fields::table(key, text)?;
    let mut fields = Fields::of(key, &table);
    let file = File {
        key: key.to_owned(),
        name: fields.text("name")?,
        package: fields.text("package")?,
        binary: fields.text("binary")?,
        needs: fields.optional_list("needs")?,
        version: fields.list("version")?,
        command: fields.list("command")?,
        note: fields.optional_text("note")?.unwrap_or_default(),
        several: config(&mut fields, "several", "target")?,
        names: fields.optional_text("names")?,
        role: config(&mut fields, "role", "role_target")?,
    };
    fields.reject_unknown()?;
    Ok(file)
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
    use super::*;

    const HEAD: &str =
        "name = 'A'\npackage = 'a'\nbinary = 'a'\nversion = ['x']\ncommand = ['x']\n";

    #[test]
    fn a_target_goes_with_its_place() {
        let good = parse("a", &format!("{HEAD}several = '{{targets}}'\ntarget = 't'")).unwrap();
        assert_eq!(good.several, Some(Config { text: "{targets}".into(), target: "t".into() }));
        assert_eq!(good.names, None);
        for wrong in ["several = '{targets}'", "several = ''\ntarget = 't'", "role_target = 't'"] {
            let error = parse("a", &format!("{HEAD}{wrong}")).unwrap_err().to_string();
            assert!(error.contains("go together"), "{error}");
        }
    }

    #[test]
    fn every_shipped_file_is_right() {
        let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/failover"));
        let files = fields::read_all(dir, parse).unwrap();
        let with = |has: fn(&File) -> bool| files.iter().filter(|file| has(file)).count();
        assert!(with(|file| file.several.is_some()) >= 8);
        assert!(with(|file| file.names.is_some()) >= 5);
        assert!(with(|file| file.role.is_some()) >= 3);
    }
}
