//! Entry points: file, arguments and overrides become one plan.

use std::path::Path;
use std::sync::Arc;

use crate::check::{LISTENERS_MAX, check};
use crate::document::Document;
use crate::draft::Draft;
use crate::file::{self, Decoded, FileError, FileRead};
use crate::foreign::{Foreign, recognise};
use crate::format::{Format, detect};
use crate::line_format;
use crate::one_line;
use crate::overrides::{self, Override};
use crate::paths::{self, Files, RolePath};
use crate::plan::{ListenNames, Plan};
use crate::prefix_files::{PrefixFiles, PrefixSource};
use crate::prefix_list::PrefixFile;
use crate::problem::{COMMAND_LINE, ParseError, Problems, Severity};
use crate::read_published;
use crate::setting::Role;
use crate::shell::shell_word;
use crate::text::Source;
use crate::toml_format::{self, Scope};
use crate::{Input, Reading};

const EXAMPLES: &str = "write one forward per line:
    18080 | 127.0.0.1 | 8080
or the same in TOML:
    [[forward]]
    listen = \":18080\"
    to = \"127.0.0.1:8080\"";

/// Reads the configuration file and the arguments.
pub fn read(input: &Input) -> Reading {
    read_advising(input, false)
}

/// Like [`read`]; with advice, if the file cannot be read.
fn read_advising(input: &Input, has_advice: bool) -> Reading {
    let mut problems = Problems::default();
    let (file, state) = match input.config.as_deref() {
        Some(path) => source(path, has_advice, &mut problems),
        None => (None, None),
    };
    let from = (Files::on_disk(), PrefixSource::Disk);
    Reading { state, ..read_source(input, file.as_ref(), from, problems) }
}

/// Like [`read`], for a command that reads the file once: it may be an open pipe, or standard input as `-`.
pub fn read_once(input: &Input) -> Reading {
    let Some(path) = input.config.as_deref().filter(|path| file::is_stream(path)) else {
        return read_advising(input, true);
    };
    let mut problems = Problems::default();
    let file = match decoded(file::read_stream(path)) {
        Ok(text) => Some(Source::new(file::name(path), text)),
        Err(fault) => {
            problems.push_error_at(fault.location, &fault.message, fault.hint);
            None
        }
    };
    read_source(input, file.as_ref(), (Files::on_disk(), PrefixSource::Disk), problems)
}

/// Like [`read`], with `text` as the contents of the file, which may have changed on disk. No file is opened: a
/// list that names one is an error.
pub fn read_text(input: &Input, text: &str) -> Reading {
    read_text_with(input, text, &[])
}

/// Like [`read_text`], with the files of prefixes as they are on disk.
pub fn read_text_and_files(input: &Input, text: &str) -> Reading {
    let source = input.config.as_deref().map(|path| Source::new(path.to_string_lossy(), text));
    let from = (Files::on_disk(), PrefixSource::Disk);
    read_source(input, source.as_ref(), from, Problems::default())
}

/// Like [`read_text`], with these files of prefixes, which may have changed on disk, too.
pub fn read_text_with(input: &Input, text: &str, prefix_files: &[PrefixFile]) -> Reading {
    let source = input.config.as_deref().map(|path| Source::new(path.to_string_lossy(), text));
    let from = (Files::Text, PrefixSource::Given(prefix_files));
    read_source(input, source.as_ref(), from, Problems::default())
}

/// Like [`read_text`], but keeps every problem instead of the first thousand.
pub fn read_text_for_all_problems(input: &Input, text: &str) -> Reading {
    let source = input.config.as_deref().map(|path| Source::new(path.to_string_lossy(), text));
    let from = (Files::Text, PrefixSource::Given(&[]));
    read_source(input, source.as_ref(), from, Problems::all_kept())
}

fn read_source(
    input: &Input,
    file: Option<&Source>,
    (files, prefixes): (Files, PrefixSource<'_>),
    mut problems: Problems,
) -> Reading {
    let arguments: Vec<Source> =
        input.forwards.iter().map(|text| Source::new(COMMAND_LINE, text.as_str())).collect();

    let mut document = file.map(|file| self::file(file, &mut problems)).unwrap_or_default();
    for argument in &arguments {
        let draft = one_line::read(argument, document.one_line_defaults.0.clone(), &mut problems);
        document.drafts.extend(draft);
    }
    let published = input.published.as_ref();
    let published = published.map(|it| Source::published(it.source(), &*it.text));
    if let Some(published) = &published {
        let Document { drafts, paths, .. } = read_published::document(published, &mut problems);
        document.drafts.extend(drafts);
        document.add_paths(paths);
    }
    for given in Override::all(&input.overrides) {
        let forwards = document.drafts.iter_mut().map(|draft| &mut draft.settings);
        given.set(forwards, &mut problems);
    }
    overrides::apply_to_process(
        &input.overrides,
        &mut document.process,
        &mut document.log,
        &mut problems,
    );
    if document.process.admin.port.is_none() {
        document.process.admin_token_file = None;
        // The token file is not used, so it may be any path.
        document.paths.retain(|path| path.role != Role::AdminToken);
    }
    let paths = all_paths(input, &mut document);
    let role = Role::Prefixes;
    let named = paths::check(paths, &document.log, files, &mut problems, role).into_iter();
    let mut in_files = problems.none();
    let prefix_files = PrefixFiles::read(named, prefixes, &mut problems, &mut in_files);
    let text = file.map(|file| Arc::from(file.text()));
    finish(input, document, (prefix_files, in_files), problems, text)
}

/// The configuration file and every path that it or the command line names.
fn all_paths<'a>(input: &Input, document: &mut Document<'a>) -> Vec<RolePath<'a>> {
    let mut paths: Vec<_> = input.config.as_deref().map(RolePath::config).into_iter().collect();
    paths.append(&mut document.paths);
    // More listeners are an error anyway, and each path costs system calls.
    let sockets = document.drafts.iter().flat_map(RolePath::of_draft);
    paths.extend(sockets.take(LISTENERS_MAX));
    paths
}

/// Checks the forwards against each other, and makes the plan unless there are errors.
fn finish(
    input: &Input,
    document: Document<'_>,
    (prefix_files, in_files): (PrefixFiles, Problems),
    mut problems: Problems,
    text: Option<Arc<str>>,
) -> Reading {
    let mut forwards = check(&document.drafts, &document.process, &mut problems);
    let may_have_none = document.has_fleet || input.published.is_some();
    if forwards.is_empty() && !may_have_none && !problems.has_errors() {
        let message = match &input.config {
            Some(path) if problems.is_empty() => format!("`{}` holds no forward", path.display()),
            Some(path) => format!("`{}` holds no valid forward", path.display()),
            None => "no forwards are given".to_owned(),
        };
        problems.push_error_at(None, &message, Some(EXAMPLES));
    }
    problems.sort();
    problems.append(in_files);
    prefix_files.fill(&mut forwards);
    let Document { process, log, fleet, .. } = document;
    let forwards = forwards.into_iter().map(Arc::new).collect();
    let config = input.config.clone();
    let published = input.published.clone();
    let listen_names = ListenNames::new();
    let plan = Plan { process, log, fleet, forwards, config, text, published, listen_names };
    let plan = (!problems.has_errors()).then_some(plan);
    Reading { plan, problems, state: None, prefix_files: prefix_files.reads }
}

fn decoded(decoded: Result<Decoded, FileError>) -> Result<String, FileError> {
    decoded.and_then(|Decoded { text, fault }| match fault {
        // Each line of this format counts by itself, and its comments may be in any encoding.
        Some(fault) if detect(&text) != Format::Lines => Err(fault),
        _ => Ok(text),
    })
}

fn source(
    path: &Path,
    has_advice: bool,
    problems: &mut Problems,
) -> (Option<Source>, Option<FileRead>) {
    let (decoded, state) = file::read_lossy(path);
    let source = match self::decoded(decoded) {
        Ok(text) => Some(Source::new(path.to_string_lossy(), text)),
        Err(fault) => {
            let hint = fault.hint.or(fault.advice.filter(|_| has_advice));
            problems.push_error_at(fault.location, &fault.message, hint);
            None
        }
    };
    (source, state)
}

/// Reads the formats of this program. A file of another one is a single problem, and its lines are not repeated.
fn file<'a>(source: &'a Source, problems: &mut Problems) -> Document<'a> {
    let mut own = problems.none();
    let document = document(source, &mut own);
    let may_be_foreign = document.drafts.is_empty() && !document.has_fleet;
    let foreign = if may_be_foreign { recognise(source.text()) } else { None };
    match foreign {
        Some(foreign) => refuse_foreign(source.name(), foreign, problems),
        None => problems.append(own),
    }
    document
}

fn refuse_foreign(name: &str, foreign: Foreign, problems: &mut Problems) {
    let (message, hint) = match foreign {
        Foreign::Importable(program) => (
            format!("`{name}` looks like a configuration of {program}"),
            format!("convert it: traffic-forwarder import --from {program} {}", argument(name)),
        ),
        Foreign::Program(program) => (
            format!("`{name}` looks like a configuration of {program}, which `import` cannot read"),
            EXAMPLES.to_owned(),
        ),
        Foreign::Format(format) => (
            format!("`{name}` looks like {format}, which is no format of this program"),
            EXAMPLES.to_owned(),
        ),
        Foreign::Unknown => (
            format!("`{name}` is not a configuration of this program: no line is a forward"),
            EXAMPLES.to_owned(),
        ),
    };
    problems.push_error_at(None, &message, Some(&hint));
}

/// The argument that names a source of this name.
fn argument(name: &str) -> String {
    if name == file::STANDARD_INPUT_NAME { "-".to_owned() } else { shell_word(name) }
}

fn document<'a>(source: &'a Source, problems: &mut Problems) -> Document<'a> {
    let drafts = |drafts: Vec<Draft<'a>>| Document { drafts, ..Document::default() };
    match detect(source.text()) {
        Format::Empty => Document::default(),
        Format::Lines => drafts(line_format::read(source, problems)),
        Format::Toml => toml_format::read(source, Scope::Local, problems),
        Format::Mixed { .. } if toml_format::parses(source) => {
            toml_format::read(source, Scope::Local, problems)
        }
        Format::Mixed { lines, toml } => {
            let (first, later, this) = if lines.start < toml.start {
                (lines, toml, ("TOML", "`local_port | remote_host | remote_port`"))
            } else {
                (toml, lines, ("`local_port | remote_host | remote_port`", "TOML"))
            };
            let line = source.line(first.start);
            let message = format!("this line is {}, but line {line} is {}", this.0, this.1);
            let fault = ParseError::new(0..0, message);
            let hint = format!("a file is in one of the two formats; {EXAMPLES}");
            problems.push(Severity::Error, &source.span(later), &fault.hint(hint));
            Document::default()
        }
    }
}
