//! The threat model: every claim names a test or a mechanism, and every party its trust.

use crate::repository::document;

const PAGE: &str = "SECURITY.md";

#[test]
fn every_claim_names_its_test_or_its_mechanism() {
    let page = document(PAGE);
    let claims = page.all_tables(&["Cannot", "Because of"]);
    assert!(claims.len() >= 20, "only {} claims", claims.len());
    let shown = page.all_tables(&["Claim", "Shown by"]);
    for row in claims.iter().chain(&shown) {
        assert!(row.len() == 2 && row[1].len() > 20, "{row:?}");
    }
    assert!(shown.iter().all(|row| row[1].contains('`')), "{shown:?}");
}

#[test]
fn every_party_has_a_trust_level_and_a_worst_case() {
    let page = document(PAGE);
    let parties = page.table(&["Party", "Is trusted with", "Gets at worst"]);
    let first = |row: &Vec<&str>| row[0].split(" (").next().unwrap_or_default().to_owned();
    let names: Vec<_> = parties.iter().map(first).collect();
    let expected = [
        "client",
        "proxy in `from` of `accept_proxy`",
        "target",
        "author of the configuration",
        "publisher",
        "another instance of the fleet",
        "the fleet's store",
        "admin user",
        "operator",
        "viewer",
        "caller of `metrics`",
        "neighbour on the host",
    ];
    assert_eq!(names, expected);
}
