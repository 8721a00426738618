//! `docs/reload.md` has the tables of settings and states that the end-to-end tests play.

use crate::repository::document;
use crate::tables::{assert_table, code};
use plan::settings;
use testkit::crossings::{STATES, of_setting};

const CROSSINGS: [&str; 4] = ["Reload", "Fall-back", "Upgrade", "Fall-back after an upgrade"];

fn head(first: &'static str) -> Vec<&'static str> {
    [first].into_iter().chain(CROSSINGS).collect()
}

#[test]
fn the_reference_says_what_each_setting_goes_through() {
    let rows = settings().iter().map(|setting| {
        let key = code(&format!("{} {}", setting.section.header(), setting.key));
        let cells = of_setting(setting.effect.explanation()).expect("a row for each effect");
        [key].into_iter().chain(cells.map(str::to_owned)).collect()
    });
    assert_table(&document("docs/reload.md"), &head("Key"), &rows.collect::<Vec<_>>());
}

#[test]
fn the_reference_says_what_each_state_goes_through() {
    let rows = STATES.iter().map(|(state, cells)| {
        [*state].iter().chain(cells).map(|text| (*text).to_owned()).collect()
    });
    assert_table(&document("docs/reload.md"), &head("State"), &rows.collect::<Vec<_>>());
}
