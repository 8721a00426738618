//! Rendering of problems with their source lines, in the style of `rustc`.

use std::fmt::Write as _;

use annotate_snippets::{
    AnnotationKind, Element, Group, Level, Origin, Padding, Renderer, Snippet,
};

use crate::escape;
use crate::problem::{Location, Problem, Problems, Severity};

/// Problems displayed at most.
const SHOWN_MAX: usize = 50;

/// Wider than any excerpt, so that the renderer never truncates one again.
const WIDTH: usize = 400;

/// Renders each problem. An empty line separates two of them, unless both have one line.
pub(crate) fn render(problems: &Problems, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(WIDTH);
    let (mut out, mut is_long) = (String::new(), false);
    for problem in problems.iter().take(SHOWN_MAX) {
        let shown = renderer.render(&report(problem));
        let mut lines: Vec<&str> = shown.lines().collect();
        // The renderer draws the empty line between two groups twice.
        lines.dedup();
        let was_long = std::mem::replace(&mut is_long, lines.len() > 1);
        if !out.is_empty() && (was_long || is_long) {
            out.push('\n');
        }
        out.push_str(&lines.join("\n"));
        out.push('\n');
    }
    let hidden = problems.len().saturating_sub(SHOWN_MAX);
    if hidden > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\nand {hidden} more problems");
    }
    out
}

fn report(problem: &Problem) -> Vec<Group<'_>> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = Group::with_title(level.clone().primary_title(problem.message.as_str()));
    let hint = problem.hint.as_deref().map(|hint| Level::HELP.message(hint));
    let Some(location) = &problem.location else { return vec![title.elements(hint)] };
    let title = title.element(origin(location));
    let Some(excerpt) = &problem.excerpt else { return vec![title.elements(hint)] };
    let underlined = AnnotationKind::Primary.span(excerpt.underlined.clone());
    let snippet = Snippet::source(excerpt.text.as_str())
        .line_start(location.line as usize)
        .line_numbering(!location.is_command_line())
        .annotation(underlined);
    let hint = hint.map(|hint| [Element::Padding(Padding), Element::Message(hint)]);
    // In a separate group: next to an origin, the renderer takes a snippet for one of another file.
    vec![title, Group::with_level(level).element(snippet).elements(hint.into_iter().flatten())]
}

/// Shows the exact location. The renderer would compute one from the excerpt, which may start
/// within a line.
fn origin(location: &Location) -> Origin<'_> {
    let origin = Origin::path(escape::escaped(&location.source));
    if location.is_command_line() {
        return origin;
    }
    let line = location.line as usize;
    origin.line(line).char_column(location.column as usize)
}
