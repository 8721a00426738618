//! `import`: converts another forwarder's configuration.

use crate::exit::Exit;
use crate::output::{say_as_is, warn};
use ::import::{Converted, Dialect, Source};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use plan::{FileError, counted};
use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Maximum number of files that one `include` may match, and of bytes that they may have together.
const MATCHES_MAX: usize = 256;
const BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The forwarder that the file belongs to.
    #[arg(long, value_name = "FORWARDER", value_parser = forwarders())]
    from: Dialect,
    /// The configuration file; - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write to this file, which must not exist yet, instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn forwarders() -> impl TypedValueParser<Value = Dialect> {
    let names = PossibleValuesParser::new(Dialect::ALL.map(Dialect::as_str));
    names.try_map(|name| {
        Dialect::ALL.into_iter().find(|from| from.as_str() == name).ok_or("not a known forwarder")
    })
}

/// Prints the converted part, and a note for each statement left out. Succeeds only if nothing was
/// left out.
pub(crate) fn run(Import { from, file, output }: &Import) -> Exit {
    let source = match read(file) {
        Ok(source) => source,
        Err(error) => {
            warn(&format!("error: {}\n", error.message));
            return Exit::Usage;
        }
    };
    let directory = file.parent().unwrap_or(Path::new(""));
    let converted =
        ::import::convert(*from, &source, &mut |pattern| Ok(included(directory, pattern)?));
    if converted.forwards + converted.commented_out == 0 {
        warn_of(&converted);
        warn(&format!("error: `{}` contains no forward\n", file.display()));
        return Exit::Usage;
    }
    match write(&converted.toml, output.as_deref()) {
        Exit::Done => conclude(&converted),
        failed => failed,
    }
}

fn warn_of(converted: &Converted) {
    for note in &converted.notes {
        warn(&format!("{note}\n"));
    }
}

fn conclude(converted: &Converted) -> Exit {
    warn_of(converted);
    let forwards = counted(converted.forwards, "forward");
    match converted.left_out() {
        0 => {
            warn(&format!("ok: {forwards}, nothing left out\n"));
            Exit::Done
        }
        left_out => {
            warn(&format!("{forwards}; left out: {left_out}, see `not converted` above\n"));
            Exit::Failed
        }
    }
}

fn write(text: &str, output: Option<&Path>) -> Exit {
    let Some(path) = output else { return say_as_is(text) };
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    let Err(error) = written else { return Exit::Done };
    let path = path.display();
    warn(&match error.kind() {
        ErrorKind::AlreadyExists => {
            format!("error: `{path}` exists already; nothing was overwritten\n")
        }
        _ => format!("error: write `{path}`: {}\n", flow::error_text(&error)),
    });
    Exit::Usage
}

/// The reason why the files of an `include` cannot be read.
#[derive(Debug)]
enum IncludeError {
    File(FileError),
    NoFileName,
    UnsupportedPattern,
    TooManyMatches,
    TooLarge,
}

impl fmt::Display for IncludeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => f.write_str(&error.message),
            Self::NoFileName => f.write_str("the path has no file name"),
            Self::UnsupportedPattern => {
                f.write_str("only `*` and `?` in the last part of a path are supported")
            }
            Self::TooManyMatches => write!(f, "it matches more than {MATCHES_MAX} files"),
            Self::TooLarge => {
                write!(f, "its files have more than {} MiB together", BYTES_MAX / 1024 / 1024)
            }
        }
    }
}

impl std::error::Error for IncludeError {}

/// Reads the file to import. Comments may be in any encoding: a statement that is not UTF-8 becomes one with U+FFFD.
fn read(path: &Path) -> Result<Source, FileError> {
    Ok(source(path, plan::read_file_once(path)?))
}

/// Reads a file that the imported one names. No pipe and no device: it need not end, or begin.
fn read_other(path: &Path) -> Result<Source, IncludeError> {
    Ok(source(path, plan::read_other_file(path).map_err(IncludeError::File)?))
}

fn source(path: &Path, text: String) -> Source {
    Source { name: path.to_string_lossy().into_owned(), text }
}

/// Reads the files that an `include` names. The last part of the path may contain `*` and `?`.
/// Relative paths start at the directory of the imported file, as in nginx.
fn included(directory: &Path, pattern: &str) -> Result<Vec<Source>, IncludeError> {
    let path = directory.join(pattern);
    if !pattern.contains(['*', '?', '[']) {
        return read_other(&path).map(|source| vec![source]);
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(IncludeError::NoFileName);
    };
    let name = name.to_string_lossy();
    if parent.to_string_lossy().contains(['*', '?']) || pattern.contains('[') {
        return Err(IncludeError::UnsupportedPattern);
    }
    // As in nginx, a pattern may match nothing.
    let Ok(entries) = fs::read_dir(parent) else { return Ok(Vec::new()) };
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|entry| !entry.starts_with('.') && matches(name.as_bytes(), entry.as_bytes()))
        .take(MATCHES_MAX + 1)
        .collect();
    if names.len() > MATCHES_MAX {
        return Err(IncludeError::TooManyMatches);
    }
    names.sort_unstable();
    let (mut sources, mut bytes) = (Vec::new(), 0);
    for name in names {
        let source = read_other(&parent.join(name))?;
        bytes += source.text.len();
        if bytes > BYTES_MAX {
            return Err(IncludeError::TooLarge);
        }
        sources.push(source);
    }
    Ok(sources)
}

/// True if `name` matches a pattern of `*` and `?`.
fn matches(form: &[u8], name: &[u8]) -> bool {
    // Backtracking point: the last star, and one byte more for it to match.
    let (mut form_at, mut name_at, mut retry) = (0, 0, None);
    while let Some(byte) = name.get(name_at) {
        match form.get(form_at) {
            Some(b'*') => {
                retry = Some((form_at, name_at + 1));
                form_at += 1;
            }
            Some(expected) if expected == byte || *expected == b'?' => {
                form_at += 1;
                name_at += 1;
            }
            _ => match retry {
                Some((star, next)) => {
                    (form_at, name_at) = (star + 1, next);
                    retry = Some((star, next + 1));
                }
                None => return false,
            },
        }
    }
    form.get(form_at..).is_none_or(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names() {
        let cases = [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("*", "x", true),
            ("a*b*c", "a-b-b-c", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*", "a", true),
            ("", "a", false),
        ];
        for (form, name, expected) in cases {
            assert_eq!(matches(form.as_bytes(), name.as_bytes()), expected, "{form} {name}");
        }
    }
}
