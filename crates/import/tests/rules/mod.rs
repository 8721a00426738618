//! What holds of converting, whatever is converted. The fuzz target checks it too.

use std::cell::Cell;

use import::{Converted, Dialect, Source};

/// How often files may be asked for: that is bounded, whatever includes itself.
const INCLUDES_MAX: u32 = 2000;

/// Converts a text that may include itself, and checks the output.
pub(crate) fn check(from: Dialect, text: &str) -> Converted {
    let source = Source { name: "file".to_owned(), text: text.to_owned() };
    let asked = Cell::new(0);
    let mut include = |pattern: &str| {
        asked.set(asked.get() + 1);
        match pattern {
            "missing" => Err("it does not exist".into()),
            _ => Ok(vec![source.clone()]),
        }
    };
    let converted = import::convert(from, &source, &mut include);
    assert!(asked.get() < INCLUDES_MAX, "{} files were asked for", asked.get());
    check_output(&converted);
    converted
}

/// The output is a valid configuration, unless no forward is left, and has no terminal controls from
/// the input.
pub(crate) fn check_output(converted: &Converted) {
    let Converted { toml, forwards, commented_out, notes } = converted;
    let input = plan::Input { config: Some("imported".into()), ..plan::Input::default() };
    let reading = plan::read_text(&input, toml);
    if *forwards > 0 {
        assert!(reading.problems.is_empty(), "{}\n{toml}", reading.problems.render(false));
        assert_eq!(reading.plan.map(|plan| plan.forwards.len()), Some(*forwards), "{toml}");
    } else {
        // That there is none is the only problem.
        assert_eq!(reading.problems.len(), 1, "{}\n{toml}", reading.problems.render(false));
    }
    assert_eq!(toml.matches("\n#[[forward]]\n").count(), *commented_out, "{toml}");
    let shown: String = notes.iter().map(ToString::to_string).collect();
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    assert!(!toml.contains(|c: char| c.is_control() && c != '\n'), "{toml:?}");
}
