//! One-line forwards: `LISTEN=TARGET`, or the syntax of ssh's `-L`.

use std::ffi::OsStr;
use std::ops::Range;
use std::path::Path;

use crate::address::{ListenAddress, Ranged, Target};
use crate::address_text::{parse_listen, parse_listen_parts, parse_target, parse_target_parts};
use crate::draft::{Draft, Located, default_name};
use crate::hints;
use crate::plan::ForwardSettings;
use crate::problem::{ParseError, Problems, Severity};
use crate::target::TargetRange;
use crate::text::{Fragment, Source, cut, quoted};
use crate::url;

const EXAMPLE: &str = "write LISTEN=TARGET, for example 18080=127.0.0.1:8080";

/// Parses a one-line forward.
pub(crate) fn read<'a>(
    source: &'a Source,
    settings: ForwardSettings,
    problems: &mut Problems,
) -> Option<Draft<'a>> {
    match parse(Fragment::new(source.text())) {
        Ok(Parsed { listen, targets }) => {
            let target = |(address, range)| Located {
                value: TargetRange::new(address),
                span: source.span(range),
            };
            let listen = Located { value: listen.0, span: source.span(listen.1) };
            Some(Draft {
                name: Some(default_name(&listen)),
                named: false,
                listens: vec![listen],
                targets: targets.into_iter().map(target).collect(),
                routes: Vec::new(),
                settings,
                span: source.all(),
                severity: Severity::Error,
            })
        }
        Err(error) => {
            problems.push(Severity::Error, &source.span(error.range.clone()), &error);
            None
        }
    }
}

struct Parsed {
    listen: (Ranged<ListenAddress>, Range<usize>),
    targets: Vec<(Ranged<Target>, Range<usize>)>,
}

fn parse(text: Fragment<'_>) -> Result<Parsed, ParseError> {
    if let Some(error) = misdrawn(text) {
        return Err(error);
    }
    if let Some((listen, target_list)) = text.split_once('=') {
        refuse_reversed(text, listen.trimmed(), target_list.trimmed())?;
        let listen = listen.trimmed();
        let listen = (parse_listen(listen)?, listen.range());
        let target = |target: Fragment<'_>| {
            let parsed = parse_target(target).map_err(|error| {
                let is_list = target.text.contains([';', '|']);
                let commas = is_list.then(|| "separate targets by commas".to_owned());
                error.hint_if(commas.or_else(|| hints::of_prefix(target.text)))
            })?;
            Ok((parsed, target.range()))
        };
        let targets = targets(target_list).into_iter().map(target).collect::<Result<_, _>>()?;
        return Ok(Parsed { listen, targets });
    }
    // A URL's colons would be mistaken for field separators.
    let target = text.split_once(':').map_or(text, |(_, target)| target);
    url::refuse(if target.text.contains("://") { target } else { text }, ":PORT")?;
    refuse_list(text)?;
    let fields = fields(text);
    let (bind, rest) = match fields[..] {
        [_, _, _] => (None, &fields[..]),
        [bind, _, _, _] => (Some(bind), &fields[1..]),
        _ => return Err(not_a_forward(text)),
    };
    let [port, host, target_port] = *rest else { return Err(not_a_forward(text)) };
    let any = Fragment::new("");
    let listen = parse_listen_parts(bind.unwrap_or(any), port)
        .map_err(|error| error.hint_if(address_first(&fields)))?;
    let target = parse_target_parts(host, target_port)?;
    Ok(Parsed {
        listen: (listen, bind.unwrap_or(port).range().start..port.range().end),
        targets: vec![(target, host.range().start..target_port.range().end)],
    })
}

/// The error of a forward that is drawn with an arrow, or written as a line of the older format.
fn misdrawn(text: Fragment<'_>) -> Option<ParseError> {
    let arrows = ["->", "=>", "→"];
    let arrow = arrows.into_iter().find_map(|arrow| text.text.split_once(arrow));
    let fields: Vec<_> = text.text.split('|').map(str::trim).collect();
    let (listen, target) = match (arrow, &fields[..]) {
        (Some((listen, target)), _) => (listen.trim().to_owned(), target.trim().to_owned()),
        (None, [listen, host, port]) => ((*listen).to_owned(), format!("{host}:{port}")),
        _ => return None,
    };
    let error = text.error(format!("{} is not a forward", quoted(text.text)));
    Some(error.hint(format!("write `{}={}`", cut(&listen), cut(&target))))
}

/// Rejects `HOST:PORT=PORT`, which is most likely `PORT=HOST:PORT` the wrong way round.
fn refuse_reversed(
    text: Fragment<'_>,
    listen: Fragment<'_>,
    target: Fragment<'_>,
) -> Result<(), ParseError> {
    let is_port = target.text.parse::<u16>().is_ok();
    if !is_port || !listen.text.contains(':') || listen.text.starts_with(':') {
        return Ok(());
    }
    let error = text.error(format!("{} has no host behind `=`", quoted(text.text)));
    let (listen, target) = (cut(listen.text), cut(target.text));
    Err(error.hint(format!("the port to listen on comes first: write `{target}={listen}`")))
}

/// The hint for `ADDRESS:PORT:PORT`, as some programs publish a port.
fn address_first(fields: &[Fragment<'_>]) -> Option<String> {
    let [address, first, second] = fields else { return None };
    let is_port = |field: &Fragment<'_>| field.text.parse::<u16>().is_ok();
    let are_ports = is_port(first) && is_port(second);
    let (address, first, second) = (cut(address.text), cut(first.text), cut(second.text));
    are_ports.then(|| {
        format!(
            "PORT:HOST:PORT begins with the port to listen on: write `{second}={address}:{first}`"
        )
    })
}

/// Rejects a list of targets in the syntax of `-L`, which has one, and suggests the other syntax.
fn refuse_list(text: Fragment<'_>) -> Result<(), ParseError> {
    let Some((first, _)) = text.split_once(',') else { return Ok(()) };
    let fields = fields(first);
    let [.., port, host, _] = fields[..] else { return Ok(()) };
    let listen = text.part(0..port.range().end).text;
    let targets = text.part(host.range().start..text.text.len()).text;
    let error = text.error(format!("{} is not a forward", quoted(text.text)));
    Err(error.hint(format!("a list of targets needs `=`: {}={}", cut(listen), cut(targets))))
}

/// Splits a list of targets at its commas. The path of a Unix socket keeps its own ones: a part without
/// a colon belongs to it.
fn targets(list: Fragment<'_>) -> Vec<Fragment<'_>> {
    let mut targets = Vec::new();
    let (mut start, mut end) = (0, 0);
    for part in list.text.split_inclusive(',') {
        end += part.len();
        let rest = list.text.get(end..).unwrap_or_default();
        let is_path = list.text.get(start..).is_some_and(|it| it.trim_start().starts_with("unix:"));
        let next_is_target = rest.split(',').next().is_some_and(|next| next.contains(':'));
        if part.ends_with(',') && (next_is_target || !is_path) {
            targets.push(list.part(start..end - 1).trimmed());
            start = end;
        }
    }
    targets.push(list.part(start..list.text.len()).trimmed());
    targets
}

/// Splits at colons outside of brackets.
fn fields(text: Fragment<'_>) -> Vec<Fragment<'_>> {
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

fn not_a_forward(text: Fragment<'_>) -> ParseError {
    let error = text.error(format!("{} is not a forward", quoted(text.text)));
    // `127.0.0.1:8080` has an extension, too.
    let extension = Path::new(text.text).extension().and_then(OsStr::to_str);
    let is_file_name = extension.is_some_and(|it| it.chars().all(char::is_alphabetic));
    if text.text.contains('/') || is_file_name {
        error.hint("a configuration file is given with `-c FILE`")
    } else if parse_target(text).is_ok() {
        error.hint(format!("where to listen is missing: write `18080={}`", cut(text.text)))
    } else if text.text.parse::<u16>().is_ok() {
        error.hint(format!("the target is missing: write `{}=HOST:PORT`", cut(text.text)))
    } else {
        error.hint(EXAMPLE)
    }
}
