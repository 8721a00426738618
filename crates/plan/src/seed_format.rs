//! The seed format: one `local_port | remote_host | remote_port` per line.

use crate::address::{ListenAddress, Ranged, Target};
use crate::address_text::{parse_port, parse_target_parts};
use crate::draft::{Draft, Written, default_name};
use crate::plan::ForwardSettings;
use crate::problem::{Fault, Problems, Severity};
use crate::text::{Piece, Source};

/// Reads every line; an invalid one becomes a warning and is left out.
pub(crate) fn read<'a>(source: &'a Source, problems: &mut Problems) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let content = Piece::new(without_comment(line)).trimmed();
        if !content.text.is_empty() {
            match read_line(content) {
                Ok(line) => drafts.push(line.into_draft(source, start, content)),
                Err(fault) => {
                    let fault = fault.shifted(start);
                    problems.push(Severity::Warning, &source.spot(fault.span.clone()), &fault);
                }
            }
        }
        start += line.len();
    }
    drafts
}

/// No field can hold a `#`, so it starts a comment wherever it stands.
pub(crate) fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or_default()
}

struct Line<'a> {
    listen: (u16, Piece<'a>),
    target: (Ranged<Target>, Piece<'a>),
}

fn read_line(content: Piece<'_>) -> Result<Line<'_>, Fault> {
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
        return Err(content.fault(message));
    };
    let port = parse_port(local)?;
    parse_port(remote)?;
    Ok(Line { listen: (port, local), target: (parse_target_parts(host, remote)?, host) })
}

impl Line<'_> {
    fn into_draft<'a>(self, source: &'a Source, start: usize, content: Piece<'_>) -> Draft<'a> {
        let spot = |piece: Piece<'_>| {
            let span = piece.span();
            source.spot(start + span.start..start + span.end)
        };
        let (port, local) = self.listen;
        let (target, host) = self.target;
        let listen = Ranged::one(ListenAddress::Any { port });
        let listen = Written { value: listen, spot: spot(local) };
        Draft {
            name: Some(default_name(&listen)),
            named: false,
            listens: vec![listen],
            target: Some(Written { value: target, spot: spot(host) }),
            settings: ForwardSettings::default(),
            spot: spot(content),
            severity: Severity::Warning,
        }
    }
}
