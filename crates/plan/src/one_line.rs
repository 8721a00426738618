//! A forward in one line: `LISTEN=TARGET`, or as ssh's `-L` takes it.

use std::ops::Range;
use std::path::Path;

use crate::address::{ListenAddress, Ranged, Target};
use crate::address_text::{parse_listen, parse_listen_parts, parse_target, parse_target_parts};
use crate::draft::{Draft, Written, default_name};
use crate::plan::ForwardSettings;
use crate::problem::{Fault, Problems, Severity};
use crate::text::{Piece, Source, quoted};
use crate::url;

const EXAMPLE: &str = "write LISTEN=TARGET, for example 18080=127.0.0.1:8080";

/// Reads one argument.
pub(crate) fn read<'a>(
    source: &'a Source,
    settings: ForwardSettings,
    problems: &mut Problems,
) -> Option<Draft<'a>> {
    match parse(Piece::new(source.text())) {
        Ok(Parsed { listen, target }) => {
            let listen = Written { value: listen.0, spot: source.spot(listen.1) };
            Some(Draft {
                name: Some(default_name(&listen)),
                named: false,
                listens: vec![listen],
                target: Some(Written { value: target.0, spot: source.spot(target.1) }),
                settings,
                spot: source.all(),
                severity: Severity::Error,
            })
        }
        Err(fault) => {
            problems.push(Severity::Error, &source.spot(fault.span.clone()), &fault);
            None
        }
    }
}

struct Parsed {
    listen: (Ranged<ListenAddress>, Range<usize>),
    target: (Ranged<Target>, Range<usize>),
}

fn parse(text: Piece<'_>) -> Result<Parsed, Fault> {
    if let Some((listen, target)) = text.split_once('=') {
        let (listen, target) = (listen.trimmed(), target.trimmed());
        return Ok(Parsed {
            listen: (parse_listen(listen)?, listen.span()),
            target: (parse_target(target)?, target.span()),
        });
    }
    // Its colons would be taken for those between the fields.
    let target = text.split_once(':').map_or(text, |(_, target)| target);
    url::refuse(if target.text.contains("://") { target } else { text }, ":PORT")?;
    let fields = fields(text);
    let (bind, rest) = match fields[..] {
        [_, _, _] => (None, &fields[..]),
        [bind, _, _, _] => (Some(bind), &fields[1..]),
        _ => return Err(not_a_forward(text)),
    };
    let [port, host, target_port] = *rest else { return Err(not_a_forward(text)) };
    let any = Piece::new("");
    let listen = parse_listen_parts(bind.unwrap_or(any), port)?;
    let target = parse_target_parts(host, target_port)?;
    Ok(Parsed {
        listen: (listen, bind.unwrap_or(port).span().start..port.span().end),
        target: (target, host.span().start..target_port.span().end),
    })
}

/// The text between colons, where those within brackets do not count.
fn fields(text: Piece<'_>) -> Vec<Piece<'_>> {
    let mut fields = Vec::new();
    let (mut start, mut bracketed) = (0, false);
    for (at, c) in text.text.char_indices() {
        match c {
            '[' => bracketed = true,
            ']' => bracketed = false,
            ':' if !bracketed => {
                fields.push(text.part(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    fields.push(text.part(start..text.text.len()));
    fields
}

fn not_a_forward(text: Piece<'_>) -> Fault {
    let fault = text.fault(format!("{} is not a forward", quoted(text.text)));
    if text.text.contains('/') || Path::new(text.text).extension().is_some() {
        fault.hint("a configuration file is given with `-c FILE`")
    } else {
        fault.hint(EXAMPLE)
    }
}
