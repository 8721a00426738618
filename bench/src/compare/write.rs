//! The files that a comparison leaves behind.

use std::fs;
use std::path::{Path, PathBuf};

use super::markdown;
use super::measures::Column;
use super::results::{Measured, OURS, Results};
use super::svg::{Bar, chart};
use crate::failure::{Context, Result};

/// Writes the page, its charts and the raw figures: where the page is.
pub(super) fn all(dir: &Path, name: &str, results: &Results) -> Result<PathBuf> {
    fs::create_dir_all(dir).context(&dir.display().to_string())?;
    let image = |measured: &Measured, column: &Column| {
        format!("{name}-{}-{}.svg", measured.measure.key, column.key)
    };
    for measured in &results.measured {
        for column in measured.measure.columns.iter().filter(|column| column.drawn) {
            let svg =
                chart(&measured.measure.title, column.title, &bars(results, measured, column));
            write(&dir.join(image(measured, column)), &svg)?;
        }
    }
    let json = serde_json::to_string_pretty(&results.json()).context("the raw figures")?;
    write(&dir.join(format!("{name}.json")), &(json + "\n"))?;
    let page = dir.join(format!("{name}.md"));
    let title = format!("Side by side: {}", name.replace('-', " "));
    write(&page, &markdown::page(&title, results, image))?;
    Ok(page)
}

fn bars<'a>(results: &'a Results, measured: &Measured, column: &Column) -> Vec<Bar<'a>> {
    let entrants = results.entrants.iter().zip(&measured.runs);
    let bar = |(entrant, runs): (&'a super::results::Entrant, &super::results::Runs)| {
        let spread = runs.spread(column)?;
        Some(Bar { label: &entrant.name, spread, ours: entrant.key == OURS })
    };
    entrants.filter_map(bar).collect()
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).context(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::results::example;

    #[test]
    fn page_charts_and_figures_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let page = all(dir.path(), "one-cpu", &example()).unwrap();
        let text = fs::read_to_string(page).unwrap();
        assert!(text.starts_with("# Side by side: one cpu\n"));
        assert!(text.contains("(one-cpu-rr-64-x64-rate.svg)"));
        let svg = fs::read_to_string(dir.path().join("one-cpu-rr-64-x64-rate.svg")).unwrap();
        assert_eq!(svg.matches("<rect").count(), 3);
        let json = fs::read_to_string(dir.path().join("one-cpu.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["measures"]["rr-64-x64"]["ours"]["samples"][0]["rate"], 47_000.0);
    }
}
