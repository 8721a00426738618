//! What the READMEs say that was measured is what the pages of measurements say.

use crate::repository::{document, readmes};

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
    for (readme, first) in readmes().iter().zip(["endings as owed", "35 种结束方式"]) {
        let said = row(&readme.rows(), first);
        let measured = ["HAProxy", "nginx stream", "rinetd", "socat, fork"].map(measured);
        assert_eq!(
            [&said[2], &said[3], &said[6], &said[7]],
            measured.each_ref(),
            "{}",
            readme.name
        );
        assert_eq!(said[1], ours, "{}", readme.name);
    }
}

#[test]
fn the_bytes_of_an_idle_session_are_those_that_were_measured() {
    let page = document("docs/benchmarks/one-cpu.md");
    let rows = page.rows();
    let is_of = |row: &&Vec<&str>, first: &str| row[0].starts_with(first) && row.len() > 4;
    let of = |first| rows.iter().find(|row| is_of(row, first)).expect("a row of the summary");
    let (names, bytes) = (of("measure"), of("An idle session, bytes"));
    let measured = |name: &str| {
        let at =
            names.iter().position(|cell| *cell == name).expect("a forwarder that was measured");
        let number = bytes[at].split(' ').next().unwrap_or_default();
        number.trim_matches('*').to_owned()
    };
    for (readme, first) in readmes().iter().zip(["bytes of an idle", "空闲会话的字节数"]) {
        let said = row(&readme.rows(), first);
        let measured = ["traffic-forwarder", "HAProxy", "nginx stream", "realm"].map(measured);
        assert_eq!(said[1..5], measured, "{}", readme.name);
    }
}
