//! The figures of the comparison and of the READMEs are those of the pages of measurements.

use crate::markdown::Document;
use crate::repository::{document, readmes};

const PAGE: &str = "docs/comparison.md";

/// The rows of the table of figures, by their beginnings in the summary.
const FIGURES: [&str; 11] = [
    "64 B request and response, 64 sessions",
    "32 KiB request and response, 64 sessions",
    "Connect, request, response, close",
    "Bulk, 1 stream, GiB",
    "Bulk, 16 streams, GiB",
    "Bulk, 16 streams, its CPU",
    "Latency of a probe under load, p99",
    "Latency of one session beside 16 bulk streams, p99",
    "An idle session, bytes",
    "10000 forwards in one file, until all serve",
    "10000 forwards in one file, resident memory",
];

/// The row of a table that begins with this cell.
fn row(rows: &[Vec<&str>], first: &str) -> Vec<String> {
    let row = rows.iter().find(|row| row.first().is_some_and(|cell| cell.starts_with(first)));
    let row = row.unwrap_or_else(|| panic!("no row {first}"));
    row.iter().map(|cell| (*cell).to_owned()).collect()
}

#[test]
fn the_endings_are_those_that_were_measured() {
    let page = document("docs/reliability/fidelity.md");
    let rows = page.rows();
    let (names, owed) = (row(&rows, "what happens"), row(&rows, "**as owed**"));
    let measured = |name: &str| {
        let at = names.iter().position(|cell| cell == name).expect("a forwarder that was measured");
        owed[at].clone()
    };
    let [ours, copying] =
        ["splice", "copy"].map(|path| measured(&format!("traffic-forwarder, {path}")));
    assert_eq!(ours, copying);
    let comparison = document(PAGE);
    let said = row(&comparison.rows(), "endings passed on correctly");
    let measured = ["HAProxy", "nginx stream", "rinetd", "socat, fork"].map(measured);
    assert_eq!([&said[2], &said[3], &said[6], &said[7]], measured.each_ref());
    assert_eq!(said[1], ours);
}

/// The summary of what was measured on one CPU.
struct Summary(Document);

impl Summary {
    fn read() -> Self {
        Self(document("docs/benchmarks/one-cpu.md"))
    }

    /// The median of a forwarder in the row that begins with this; a dash if it took no part.
    fn median(&self, measure: &str, name: &str) -> String {
        let rows = self.0.rows();
        let of = |first: &str| {
            let row = rows.iter().find(|row| row[0].starts_with(first) && row.len() > 4);
            row.unwrap_or_else(|| panic!("no row {first} in the summary"))
        };
        let at = of("measure").iter().position(|cell| *cell == name);
        let cell = of(measure)[at.unwrap_or_else(|| panic!("{name} was not measured"))];
        match cell.split(' ').next().unwrap_or_default().trim_matches('*') {
            "-" => "–".to_owned(),
            median => median.to_owned(),
        }
    }
}

#[test]
fn the_bytes_of_an_idle_session_are_those_that_were_measured() {
    let summary = Summary::read();
    let page = document(PAGE);
    let peers = ["HAProxy", "nginx stream", "realm", "gost", "rinetd", "socat"];
    let said = row(&page.table(&[&["", "this"][..], &peers].concat()), "bytes of an idle");
    let measured = ["traffic-forwarder", "HAProxy", "nginx stream", "realm"]
        .map(|name| summary.median("An idle session, bytes", name));
    assert_eq!(said[1..5], measured);
}

#[test]
fn the_figures_are_those_that_were_measured() {
    let summary = Summary::read();
    let page = document(PAGE);
    let peers = ["HAProxy, splice", "HAProxy", "nginx stream", "realm", "Go, io.Copy"];
    let table = page.table(&[&["", "this"][..], &peers].concat());
    let names = ["traffic-forwarder"].iter().chain(&peers);
    let expected = FIGURES
        .map(|measure| names.clone().map(|name| summary.median(measure, name)).collect::<Vec<_>>());
    let said: Vec<_> = table.iter().map(|row| row[1..].to_vec()).collect();
    assert_eq!(said, expected);
}

/// The Chinese README has the same numbers, by another test.
#[test]
fn the_readme_quotes_rows_of_the_comparison() {
    let (page, [readme, _]) = (document(PAGE), readmes());
    for (peer, count) in [("HAProxy", 9), ("HAProxy, splice", 5)] {
        let names = ["", "this", peer, "nginx stream", "realm"];
        let quotes = readme.table(&names);
        assert_eq!(quotes.len(), count, "rows of the table with {peer}");
        let tables = page.rows();
        let head =
            tables.iter().find(|cells| cells.contains(&peer)).expect("a table with the peer");
        let at = names.map(|name| head.iter().position(|cell| *cell == name).expect("a column"));
        let whole = page.table(head);
        for quote in quotes {
            assert_eq!(quote[..], at.map(|column| row(&whole, quote[0])[column].clone()));
        }
    }
}
