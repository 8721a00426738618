//! The programs under test: a file each, found and described.

use std::path::{Path, PathBuf};

use crate::compare::subject::{find_program, version_of};
use crate::failure::{Failure, Result};
use crate::fields::{self, Fields};

/// A program that is here, with its configurations: a row of the tables.
#[derive(Debug)]
pub(crate) struct Program<C> {
    /// The name of its file without the ending; `--subjects` selects by it.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) binary: PathBuf,
    pub(crate) version: String,
    pub(crate) note: String,
    /// Command line as a template.
    pub(crate) command: Vec<String>,
    /// Templates of its configurations.
    pub(crate) configs: C,
}

impl<C> Program<C> {
    /// Whether this is our own forwarder, with any configuration.
    pub(crate) fn is_ours(&self) -> bool {
        self.key.starts_with(OURS)
    }
}

/// The beginning of the names of our own files.
const OURS: &str = "ours";

/// Programs that are here, and the names and packages of the others.
pub(crate) type Found<C> = (Vec<Program<C>>, Vec<(String, String)>);

/// What to look for.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// The directory of their files.
    pub(crate) dir: &'a Path,
    /// Only these files; none means all.
    pub(crate) keys: &'a [String],
    /// Our own program.
    pub(crate) ours: &'a Path,
}

/// Reads the templates of a file.
pub(crate) trait Configs: Sized {
    /// The templates that the file has.
    fn read(fields: &mut Fields<'_>) -> Result<Self>;
}

/// Looks for all programs that are wanted; ours come first.
pub(crate) fn find<C: Configs>(wanted: &Wanted<'_>) -> Result<Found<C>> {
    let is_wanted = |file: &File<C>| wanted.keys.is_empty() || wanted.keys.contains(&file.key);
    let mut files = fields::read_all(wanted.dir, parse)?;
    files.sort_by(|one, other| one.key.cmp(&other.key));
    let (mut ours, mut others, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for file in files.into_iter().filter(is_wanted) {
        if file.key.starts_with(OURS) {
            ours.push(file.at(our_binary(wanted.ours)?));
            continue;
        }
        match find_program(&file.binary, &file.needs) {
            Some(binary) => others.push(file.at(binary)),
            None => missing.push((file.name, file.package)),
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
pub(crate) struct File<C> {
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
    pub(crate) configs: C,
}

impl<C> File<C> {
    fn at(self, binary: PathBuf) -> Program<C> {
        let Self { key, name, version, note, command, configs, .. } = self;
        let version = version_of(&binary, &version);
        Program { key, name, binary, version, note, command, configs }
    }
}

/// Parses the text of the file `key`.toml.
pub(crate) fn parse<C: Configs>(key: &str, text: &str) -> Result<File<C>> {
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
        configs: C::read(&mut fields)?,
    };
    fields.reject_unknown()?;
    Ok(file)
}
