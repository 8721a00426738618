//! Sections written as TOML that our own reader accepts.

use std::fmt::Write as _;

use crate::note::{self, Note, NoteKind, lines};
use crate::section::{Config, Section};
use crate::{Converted, Dialect};

/// Rounds of parsing the output and commenting out the sections with problems. Each round removes
/// at least one section, and the first usually removes all.
const ROUNDS: usize = 20;

/// Writes the configuration. Sections that our parser rejects are commented out, with a note.
pub(crate) fn write(from: Dialect, mut config: Config) -> Converted {
    comment_out_surplus(&mut config);
    for _ in 0..ROUNDS {
        let (text, starts) = sections(&config);
        if !comment_out_problems(&text, &starts, &mut config) {
            return converted(from, config);
        }
    }
    for section in &mut config.sections {
        let place = section.place.clone();
        section.comment_out(&place, "too much of this configuration is wrong", "write it by hand");
    }
    converted(from, config)
}

/// Comments out the forwards beyond the reader's limit, which would otherwise report the first one.
fn comment_out_surplus(config: &mut Config) {
    let forwards = config.sections.iter_mut().filter(|section| section.head == "[[forward]]");
    let active = forwards.filter(|section| section.off.is_none());
    for section in active.skip(plan::LISTENERS_MAX) {
        let message = format!("there are more than {} forwards", plan::LISTENERS_MAX);
        let place = section.place.clone();
        section.comment_out(&place, message, "write another configuration for them");
    }
}

/// Comments out sections with problems. Returns whether there were any.
fn comment_out_problems(text: &str, starts: &[u32], config: &mut Config) -> bool {
    let mut any = false;
    let input = plan::Input { config: Some("import".into()), ..plan::Input::default() };
    // With all problems at once: with a thousand per reading, a long file would be read many times.
    for problem in &plan::read_text_for_all_problems(&input, text).problems {
        let Some(location) = &problem.location else { continue };
        let nth = starts.partition_point(|start| *start <= location.line).saturating_sub(1);
        let Some(section) = config.sections.get_mut(nth) else { continue };
        let place = section.place.clone();
        let help = problem.hint.as_deref().unwrap_or("write it by hand");
        section.comment_out(&place, without_line(&problem.message), help.replace('\n', " "));
        any = true;
    }
    any
}

/// Removes ` (line 12)` or ` (line 12, column 3)` from a message: it refers to the intermediate text.
fn without_line(message: &str) -> String {
    match message.split_once(" (line ") {
        Some((before, after)) => {
            let after = after.split_once(')').map_or("", |(_, after)| after);
            format!("{before}{after}")
        }
        None => message.to_owned(),
    }
}

/// All sections, and the line that each starts in.
fn sections(config: &Config) -> (String, Vec<u32>) {
    let (mut text, mut starts, mut line) = (String::new(), Vec::new(), 1_u32);
    for section in &config.sections {
        starts.push(line);
        let written = section_text(section);
        line = line.saturating_add(lines(written.matches('\n').count()));
        text += &written;
    }
    (text, starts)
}

/// A section with its notes above it.
fn section_text(section: &Section) -> String {
    let mut text = format!("\n# {}\n", plan::escaped(&section.about));
    for note in &section.notes {
        comment(&mut text, note);
    }
    let mark = match &section.off {
        Some(place) => {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# Commented out because of {place}.");
            "#"
        }
        None => "",
    };
    let _ = writeln!(text, "{mark}{}", section.head);
    let mut entries: Vec<_> = section.entries.iter().collect();
    // In the order of the reference: `name`, `listen` and `to` come first.
    let rank = |key: &str| {
        plan::settings()
            .iter()
            .rposition(|setting| setting.section != plan::Section::Fleet && setting.key == key)
    };
    entries.sort_by_key(|(key, _)| rank(key));
    for (key, value) in entries {
        let value = value.replace('\n', &format!("\n{mark}"));
        let _ = writeln!(text, "{mark}{key} = {value}");
    }
    text
}

fn comment(text: &mut String, note: &Note) {
    let (message, help) = (plan::escaped(&note.message), plan::escaped(&note.help));
    let _ = writeln!(text, "# {}: {}: {message}", note.kind, note.lines());
    if !help.is_empty() {
        let _ = writeln!(text, "#   {help}");
    }
}

fn converted(from: Dialect, config: Config) -> Converted {
    let (body, _) = sections(&config);
    let forward = |section: &&Section| section.head == "[[forward]]";
    let forwards = config.sections.iter().filter(forward);
    let active = forwards.clone().filter(|section| section.off.is_none()).count();
    let commented_out = forwards.count() - active;
    let mut head = format!("# Made by `traffic-forwarder import --from {}`.\n", from.as_str());
    let of_file = note::merged(config.notes);
    for note in &of_file {
        comment(&mut head, note);
    }
    let of_sections = config.sections.into_iter().flat_map(|section| section.notes);
    let notes = note::merged(of_file.into_iter().chain(of_sections));
    let left_out = left_out(&notes);
    if left_out > 0 {
        let _ = writeln!(
            head,
            "# Left out: {left_out}; each is named as `{}`. Forwards: {active}, and {commented_out} commented out.",
            NoteKind::NotConverted
        );
    }
    Converted { toml: head + &body, forwards: active, commented_out, notes }
}

/// Number of omitted settings.
pub(crate) fn left_out(notes: &[Note]) -> usize {
    let omitted = notes.iter().filter(|note| note.kind == NoteKind::NotConverted);
    omitted.map(|note| note.further + 1).sum()
}
