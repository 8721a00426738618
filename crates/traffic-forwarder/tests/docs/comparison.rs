//! The figures in the comparison and in the READMEs equal those of the benchmark pages.

use crate::markdown::Document;
use crate::repository::{document, readmes};

const PAGE: &str = "docs/comparison.md";

/// Rows of the figures table, by the first words of their measure in the summary.
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

/// Finds the row whose first cell starts with `first`.
fn row(rows: &[Vec<&str>], first: &str) -> Vec<String> {
    let row = rows.iter().find(|row| row.first().is_some_and(|cell| cell.starts_with(first)));
    let row = row.unwrap_or_else(|| panic!("no row {first}"));
    row.iter().map(|cell| (*cell).to_owned()).collect()
}

#[test]
fn endings_equal_the_measured_ones() {
    let page = document("docs/reliability/fidelity.md");
    let rows = page.rows();
    let (names, owed) = (row(&rows, "what happens"), row(&rows, "**as owed**"));
    let measured = |name: &str| {
        let at = names.iter().position(|cell| cell == name).expect("a measured forwarder");
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

/// The one-CPU benchmark summary.
struct Summary(Document);

impl Summary {
    fn read() -> Self {
        Self(document("docs/benchmarks/one-cpu.md"))
    }

    /// Median of forwarder `name` in the row of `measure`; a dash if it was not measured.
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
fn bytes_of_an_idle_session_equal_the_benchmark() {
    let summary = Summary::read();
    let page = document(PAGE);
    let peers = ["HAProxy", "nginx stream", "realm", "gost", "rinetd", "socat"];
    let said = row(&page.table(&[&["", "this"][..], &peers].concat()), "bytes of an idle");
    let measured = ["traffic-forwarder", "HAProxy", "nginx stream", "realm"]
        .map(|name| summary.median("An idle session, bytes", name));
    assert_eq!(said[1..5], measured);
}

#[test]
fn figures_equal_the_benchmark() {
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

/// `languages` compares the numbers of the Chinese README with this one's.
#[test]
fn the_readme_quotes_rows_of_the_comparison() {
    let (page, [readme, _]) = (document(PAGE), readmes());
    for (peer, count) in [("HAProxy", 12), ("HAProxy, splice", 5)] {
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
