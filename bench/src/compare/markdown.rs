//! The results as a page.

use std::fmt::Write;

use super::goals;
use super::measures::Column;
use super::results::{Measured, OURS, Results};
use crate::stats::{Spread, figure};

/// The page. `image` gives the name of the chart of a measure and a column.
pub(super) fn page(
    title: &str,
    results: &Results,
    image: impl Fn(&Measured, &Column) -> String,
) -> String {
    let mut page = format!("# {title}\n\n");
    page.push_str(
        "Made by `tf-load compare`; bench/BENCHMARKING.md says what is measured and how far to \
         trust it. Figures are medians, with the range in parentheses; *direct* is the load \
         generator and its target without a forwarder between.\n\n",
    );
    circumstances(&mut page, results);
    goals_table(&mut page, results);
    summary(&mut page, results);
    for measured in &results.measured {
        section(&mut page, results, measured, &image);
    }
    page
}

// Writing to a string does not fail: the results of `write!` below are of no interest.

fn circumstances(page: &mut String, results: &Results) {
    page.push_str("| | |\n|---|---|\n");
    for (name, value) in &results.circumstances {
        let _ = writeln!(page, "| {name} | {} |", cell(value));
    }
    page.push_str("\n| subject | version | note |\n|---|---|---|\n");
    for entrant in &results.entrants {
        let (name, version) = (cell(&entrant.name), cell(&entrant.version));
        let _ = writeln!(page, "| {name} | {version} | {} |", cell(&entrant.note));
    }
    for (name, package) in &results.missing {
        let _ = write!(page, "\n{name} was not found; to compare with it, install {package}.\n");
    }
    page.push('\n');
}

/// What we want to reach, and whether this run shows it.
fn goals_table(page: &mut String, results: &Results) {
    let verdicts = goals::judge(results);
    if verdicts.is_empty() {
        return;
    }
    page.push_str(
        "## Goals\n\nThey are set for medians with everything on one CPU, against the peers of the \
         same run; *x* is the ratio of ours to the other's.\n\n\
         | measure | goal | measured | |\n|---|---|--:|---|\n",
    );
    for verdict in verdicts {
        let met = match verdict.met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "no figure",
        };
        let [what, goal] = [&verdict.what, &verdict.goal].map(|text| cell(text));
        let _ = writeln!(page, "| {what} | {goal} | {} | {met} |", verdict.measured);
    }
    page.push('\n');
}

/// One line per measure: the median of each subject, and ours in relation to it.
fn summary(page: &mut String, results: &Results) {
    let Some(ours) = results.ours() else { return };
    page.push_str(
        "## Summary\n\nEach cell: the median, and the ratio of ours to it.\n\n| measure |",
    );
    for entrant in &results.entrants {
        let _ = write!(page, " {} |", cell(&entrant.name));
    }
    page.push_str("\n|---|");
    page.push_str(&"--:|".repeat(results.entrants.len()));
    page.push('\n');
    for measured in &results.measured {
        for column in measured.measure.columns.iter().filter(|column| column.drawn) {
            let _ = write!(page, "| {}, {} |", cell(&measured.measure.title), column.title);
            let reference = measured.runs[ours].spread(column);
            for (runs, entrant) in measured.runs.iter().zip(&results.entrants) {
                let own = entrant.key == OURS;
                let _ = write!(page, " {} |", compared(runs.spread(column), reference, own));
            }
            page.push('\n');
        }
    }
    page.push('\n');
}

fn compared(spread: Option<Spread>, ours: Option<Spread>, own: bool) -> String {
    match (spread, ours) {
        (None, _) => "-".to_owned(),
        (Some(spread), _) if own => format!("**{}**", figure(spread.median)),
        (Some(spread), Some(ours)) if spread.median > 0.0 => {
            format!("{} ({:.2} x)", figure(spread.median), ours.median / spread.median)
        }
        (Some(spread), _) => figure(spread.median),
    }
}

fn section(
    page: &mut String,
    results: &Results,
    measured: &Measured,
    image: &impl Fn(&Measured, &Column) -> String,
) {
    let measure = &measured.measure;
    let _ = write!(page, "## {}\n\n{}\n\n", measure.title, measure.how);
    for column in measure.columns.iter().filter(|column| column.drawn) {
        let _ =
            writeln!(page, "![{}, {}]({})", measure.title, column.title, image(measured, column));
    }
    page.push_str("\n| subject |");
    for column in &measure.columns {
        let _ = write!(page, " {} |", column.title);
    }
    page.push_str("\n|---|");
    page.push_str(&"--:|".repeat(measure.columns.len()));
    page.push('\n');
    for (entrant, runs) in results.entrants.iter().zip(&measured.runs) {
        let _ = write!(page, "| {} |", cell(&entrant.name));
        for column in &measure.columns {
            let _ = write!(page, " {} |", runs.spread(column).map_or("-".to_owned(), ranged));
        }
        page.push('\n');
    }
    page.push('\n');
    for (entrant, runs) in results.entrants.iter().zip(&measured.runs) {
        if let Some(remark) = &runs.remark {
            let _ = write!(page, "{}: {}.\n\n", cell(&entrant.name), cell(remark));
        }
    }
}

fn ranged(spread: Spread) -> String {
    let (low, median, high) = (figure(spread.low), figure(spread.median), figure(spread.high));
    if low == high { median } else { format!("{median} ({low} to {high})") }
}

/// Text that may stand in a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::results::example;

    #[test]
    fn the_page_has_medians_ranges_ratios_and_remarks() {
        let page = page("Title", &example(), |measured, column| {
            format!("{}-{}.svg", measured.measure.key, column.key)
        });
        for text in [
            "# Title\n",
            "| a peer | 40,000 |",
            "| ours | 47,000 (46,000 to 48,000) |",
            "| 90,000 (0.52 x) | **47,000** | 40,000 (1.18 x) | - |",
            "another: failed: a &lt; b.",
            "64 sessions, per second | ≥ 0.50 x direct | 0.52 x | met |",
            "64 sessions, per second | ≥ 1.25 x realm | - | no figure |",
            "realm was not found; to compare with it, install realm.",
            "(rr-64-x64-rate.svg)",
        ] {
            assert!(page.contains(text), "{text} is missing in\n{page}");
        }
    }
}
