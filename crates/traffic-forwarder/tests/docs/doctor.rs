//! The document of `doctor` lists every check with its inputs.

use crate::repository::document;
use doctor::Check;
use xtask::docs::code;

#[test]
fn every_check_is_listed_with_its_inputs() {
    let document = document("docs/doctor.md");
    let rows = document.table(&["Check", "Reads", "Sessions", "Warns", "Fails"]);
    let found: Vec<_> = rows.iter().map(|row| (row[0].to_owned(), row[1].to_owned())).collect();
    let expected: Vec<_> =
        Check::ALL.iter().map(|check| (code(check.as_str()), check.reads().to_owned())).collect();
    assert_eq!(found, expected);
}
