//! The line format: one `local_port | remote_host | remote_port` per line.

use crate::address::{ListenAddress, Ranged, Target};
use crate::address_text::{parse_port, parse_target_parts};
use crate::draft::{Draft, Located, default_name};
use crate::plan::ForwardSettings;
use crate::problem::{ParseError, Problems, Severity};
use crate::target::TargetRange;
use crate::text::{Fragment, Source};

/// Parses every line. An invalid line is skipped with a warning.
pub(crate) fn read<'a>(source: &'a Source, problems: &mut Problems) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let content = Fragment::new(without_comment(line)).trimmed();
        if !content.text.is_empty() {
            match read_line(content) {
                Ok(line) => drafts.push(line.into_draft(source, start, content)),
                Err(error) => {
                    let error = error.shifted(start);
                    problems.push(Severity::Warning, &source.span(error.range.clone()), &error);
                }
            }
        }
        start += line.len();
    }
    drafts
}

/// No field can contain `#`, so it starts a comment anywhere in the line.
pub(crate) fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or_default()
}

/// Prefixes of targets that have no host and port of their own.
const PREFIXES: [&str; 3] = ["dns:", "srv:", "unix:"];

struct Line<'a> {
    listen: (u16, Fragment<'a>),
    target: (Ranged<Target>, Fragment<'a>),
}

fn read_line(content: Fragment<'_>) -> Result<Line<'_>, ParseError> {
    // Bytes that are not UTF-8 have become this character, which no field can contain.
    if let Some((before, _)) = content.split_once(char::REPLACEMENT_CHARACTER) {
        let at = before.text.len();
        return Err(content
            .part(at..at + '\u{fffd}'.len_utf8())
            .error("this line is not UTF-8 text"));
    }
    let mut fields = Vec::new();
    let mut rest = content;
    while let Some((field, after)) = rest.split_once('|') {
        fields.push(field.trimmed());
        rest = after;
    }
    fields.push(rest.trimmed());
    let [local, host, remote] = fields[..] else {
        let fields = match fields.len() {
            1 => "1 field".to_owned(),
            many => format!("{many} fields"),
        };
        let message = format!("expected `local_port | remote_host | remote_port`, found {fields}");
        return Err(content.error(message));
    };
    let port = parse_port(local)?;
    parse_port(remote)?;
    let target = parse_target_parts(host, remote).map_err(|error| {
        let is_toml =
            host.text.contains(',') || PREFIXES.iter().any(|it| host.text.starts_with(it));
        if is_toml { error.hint("several targets and `dns:` need TOML") } else { error }
    })?;
    Ok(Line { listen: (port, local), target: (target, host) })
}

impl Line<'_> {
    fn into_draft<'a>(self, source: &'a Source, start: usize, content: Fragment<'_>) -> Draft<'a> {
        let span = |fragment: Fragment<'_>| {
            let range = fragment.range();
            source.span(start + range.start..start + range.end)
        };
        let (port, local) = self.listen;
        let (target, host) = self.target;
        let listen = Ranged::one(ListenAddress::Any { port });
        let listen = Located { value: listen, span: span(local) };
        Draft {
            name: Some(default_name(&listen)),
            named: false,
            listens: vec![listen],
            targets: vec![Located { value: TargetRange::new(target), span: span(host) }],
            routes: Vec::new(),
            settings: ForwardSettings::one_line_defaults(),
            span: span(content),
            severity: Severity::Warning,
        }
    }
}
