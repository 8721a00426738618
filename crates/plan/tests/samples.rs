//! Sample files: a valid one yields a plan, an invalid one exactly the problems in `NAME.expected`
//! beside it. `EXPECT=write cargo test -p plan` rewrites those files.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};

use plan::{Input, Reading};

fn samples(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(kind);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|end| end != "expected")).collect();
    files.sort();
    files
}

fn read(path: &Path) -> Reading {
    plan::read(&Input { config: Some(path.to_owned()), ..Input::default() })
}

/// The rendered problems, with the file's name instead of its path.
fn rendered(path: &Path, reading: &Reading) -> String {
    let folder = format!("{}/", path.parent().unwrap().display());
    reading.problems.render(false).replace(&folder, "")
}

#[test]
fn valid_samples_yield_a_plan_without_problems() {
    let samples = samples("valid");
    assert!(samples.len() >= 4, "only {} samples found", samples.len());
    for path in samples {
        let reading = read(&path);
        assert!(reading.problems.is_empty(), "{}", rendered(&path, &reading));
        let plan = reading.plan.unwrap_or_else(|| panic!("{}: no plan", path.display()));
        assert!(!plan.forwards.is_empty(), "{}", path.display());
    }
}

#[test]
fn invalid_samples_yield_the_expected_text() {
    let samples = samples("invalid");
    assert!(samples.len() >= 8, "only {} samples found", samples.len());
    for path in samples {
        let reading = read(&path);
        assert!(!reading.problems.is_empty(), "{} has no problem", path.display());
        assert_eq!(reading.plan.is_none(), reading.problems.has_errors(), "{}", path.display());
        let text = rendered(&path, &reading);
        let expected = PathBuf::from(format!("{}.expected", path.display()));
        if std::env::var_os("EXPECT").is_some_and(|value| value == "write") {
            fs::write(&expected, &text).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(text, expected, "{}", path.display());
    }
}
