//! The results as a page.

use std::fmt::Write;

use super::program::Program;
use super::table::{Section, Table};

const HEAD: &str = "\
# What clients lose when targets fail

Written by `make failover`; nothing in it is typed by hand. `bench/src/failover` plays the cases, in a network
namespace of its own, with all programs of a case at the same time; `bench/failover` has their configurations.
Programs have their defaults, except that connecting is limited to two seconds where a program has such a limit,
which HAProxy means for each of four attempts. A program takes part in a case if it has a configuration for it.

A client connects, sends a line and waits until the line comes back, for at most 12 seconds. It is lost if the
line does not come back; in parentheses is how it ended for the client. *FIN* is an orderly end without a byte,
which a client cannot tell from an empty answer.

";

/// The page. Writing to a string does not fail: the results of `write!` are of no interest.
pub(super) fn write(
    programs: &[Program],
    missing: &[(String, String)],
    sections: &[Section],
) -> String {
    let mut page = String::from(HEAD);
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

fn write_table(page: &mut String, table: &Table) {
    let _ = write!(page, "\n### {}\n\n| | {} |\n", table.title, table.columns.join(" | "));
    let _ = writeln!(page, "|---|{}", "---|".repeat(table.columns.len()));
    for (name, cells) in &table.rows {
        let _ = writeln!(page, "| {name} | {} |", cells.join(" | "));
    }
}
