//! Invariants of reading, for any input. The fuzz targets check them too.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::io::Write as _;

use plan::{Input, Overrides, Problems};

/// Reads a file and arguments, and checks that every location lies inside the file and that the
/// output has no control characters.
pub(crate) fn check(file: &[u8], forwards: Vec<String>, overrides: Overrides) {
    let mut config = tempfile::NamedTempFile::new().unwrap();
    config.write_all(file).unwrap();
    let config_path = Some(config.path().to_owned());
    let reading =
        plan::read(&Input { config: config_path, forwards, overrides, ..Input::default() });
    assert_eq!(reading.plan.is_none(), reading.problems.has_errors());
    check_places(&String::from_utf8_lossy(file), &reading.problems);
    let shown: String = reading.problems.iter().map(ToString::to_string).collect();
    assert!(!shown.contains(char::is_control), "{shown:?}");
    let rendered = reading.problems.render(false);
    assert!(!rendered.contains(|c: char| c.is_control() && c != '\n'), "{rendered:?}");
}

fn check_places(text: &str, problems: &Problems) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<_> = text.split('\n').map(|line| line.chars().count()).collect();
    for problem in problems {
        let Some(location) = &problem.location else { continue };
        if location.is_command_line() {
            continue;
        }
        let line = usize::try_from(location.line).unwrap();
        let column = usize::try_from(location.column).unwrap();
        assert!((1..=lines.len()).contains(&line), "{problem}");
        assert!((1..=lines[line - 1] + 1).contains(&column), "{problem}");
    }
}
