//! The results as a page.

use std::fmt::Write;

use super::program::Program;
use super::table::{Section, Table};

/// The page below its head. Writing to a string does not fail: the results of `write!` are of no interest.
pub(crate) fn write<C>(
    head: &str,
    programs: &[Program<C>],
    missing: &[(String, String)],
    sections: &[Section],
) -> String {
    let mut page = String::from(head);
    page.push_str("| program | version | note |\n|---|---|---|\n");
    for program in programs {
        let _ = writeln!(page, "| {} | {} | {} |", program.name, program.version, program.note);
    }
    for (name, package) in missing {
        let _ = write!(page, "\n{name} was not found; to see it here, install {package}.\n");
    }
    page.push_str("\n## What this program promises\n\n| promise | seen | |\n|---|---|---|\n");
    for goal in sections.iter().flat_map(|section| &section.goals) {
        let verdict = if goal.is_met { "kept" } else { "**broken**" };
        let _ = writeln!(page, "| {} | {} | {verdict} |", goal.promise, goal.result);
    }
    for section in sections {
        let _ = write!(page, "\n## {}\n\n{}\n", section.title, section.text);
        for table in &section.tables {
            write_table(&mut page, table);
        }
    }
    page
}

/// Appends a table.
pub(crate) fn write_table(page: &mut String, table: &Table) {
    if !table.title.is_empty() {
        let _ = write!(page, "\n### {}\n", table.title);
    }
    let _ = write!(page, "\n| | {} |\n", table.columns.join(" | "));
    let _ = writeln!(page, "|---|{}", "---|".repeat(table.columns.len()));
    for (name, cells) in &table.rows {
        let _ = writeln!(page, "| {name} | {} |", cells.join(" | "));
    }
}
