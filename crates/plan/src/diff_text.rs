//! Text form of a plan difference.

use std::fmt::{self, Write as _};

use crate::diff::{Change, PlanDiff};
use crate::escape::{escaped, write_escaped};
use crate::setting::{Effect, Section};

impl fmt::Display for PlanDiff {
    /// One line per added (`+`) or removed (`-`) forward and per changed setting (`~`), with the
    /// names aligned. The last line counts the unchanged forwards.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        let sections = [(Section::Process, &self.process), (Section::Log, &self.log)];
        for (section, changes) in sections {
            lines.extend(changed(section.header(), changes));
        }
        for forward in &self.changed {
            lines.extend(changed(&forward.name, &forward.changes));
        }
        for (sign, forwards) in [('+', &self.added), ('-', &self.removed)] {
            lines.extend(forwards.iter().map(|forward| Line {
                sign,
                name: escaped(&forward.name),
                text: format!("{} -> {}", forward.listen, forward.to),
            }));
        }
        let width = lines.iter().map(|line| line.name.chars().count()).max().unwrap_or_default();
        for Line { sign, name, text } in lines {
            write!(f, "{sign} {name:width$}  ")?;
            write_escaped(f, &text)?;
            f.write_char('\n')?;
        }
        match self.unchanged {
            1 => writeln!(f, "1 forward is unchanged"),
            many => writeln!(f, "{many} forwards are unchanged"),
        }
    }
}

struct Line {
    sign: char,
    /// Escaped, so that its width is known.
    name: String,
    text: String,
}

/// One line per change; the first one has the name.
fn changed<'c>(name: &'c str, changes: &'c [Change]) -> impl Iterator<Item = Line> + 'c {
    changes.iter().enumerate().map(move |(index, change)| Line {
        sign: if index == 0 { '~' } else { ' ' },
        name: if index == 0 { escaped(name) } else { String::new() },
        text: change.to_string(),
    })
}

impl fmt::Display for Change {
    /// `key: old -> new`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |value: &'_ Option<String>| value.clone().unwrap_or_else(|| "not set".into());
        write!(f, "{}: {} -> {}", self.key, value(&self.old), value(&self.new))?;
        if self.effect == Effect::Restart { f.write_str(" (needs a restart)") } else { Ok(()) }
    }
}
