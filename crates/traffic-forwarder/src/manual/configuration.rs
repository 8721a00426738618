//! The manual page of the configuration file, generated from the table of settings.

use clap_mangen::roff::{Inline, Roff, bold, roman};
use plan::{Section, Setting, settings};

use super::{NO_DATE, source};

/// The name of the file in packages.
pub(super) const NAME: &str = "traffic-forwarder.conf";

/// The text before the settings. As in the table of settings, backticks enclose literal text.
const DESCRIPTION: [&str; 4] = [
    "A file has one of two formats, recognised by its content. A line with `|` is the older one: one \
     forward per line, `local_port | remote_host | remote_port`, with `#` before a comment. Each \
     listens on its port of every address and has the default settings.",
    "A file with `key = value` or `[table]` is TOML. Each forward is one `[[forward]]`. An unknown \
     key, or an invalid value, keeps the program from starting, and a reload from being applied; \
     `traffic-forwarder check -c FILE` reports all such problems at once.",
    "A duration is a number with a unit, or several, as `500ms`, `30s` or `1h30m`; the units are \
     `ns`, `us`, `ms`, `s`, `m`, `h` and `d`. A size is a number of bytes or one with a unit, as \
     `64KiB` or `10MiB`.",
    "Each setting says what a reload does with a changed value.",
];

const LINES: &str = "\
18080 | 127.0.0.1   | 8080
18081 | db.internal | 5432   # a comment may follow
";

const TOML: &str = r#"[process]
shutdown_timeout = "30s"

[defaults]
connect_timeout = "2s"

[[forward]]
name = "db"
listen = ["127.0.0.1:18080", "unix:/run/traffic-forwarder/db.sock"]
to = "db.internal:5432"
max_sessions = 200

[[forward]]
listen = ":18100-18104"
to = "10.0.0.5:9000-9004"
"#;

/// The sections of the file: heading and introduction of each.
const SECTIONS: [(Section, &str, &str); 5] = [
    (Section::Process, "THE PROCESS", "These stand in `[process]`."),
    (Section::Log, "THE LOG", "These stand in `[log]`."),
    (
        Section::Fleet,
        "THE FLEET",
        "These stand in `[fleet]`, in the file of a machine that takes further forwards from a published \
         configuration.",
    ),
    (Section::Forward, "A FORWARD", "These stand in `[[forward]]`."),
    (
        Section::ForwardDefaults,
        "A FORWARD, OR ALL OF THEM",
        "These stand in `[[forward]]`, or in `[defaults]` for every forward that does not set them.",
    ),
];

/// The page in roff.
pub(super) fn page() -> String {
    let mut page = Roff::new();
    page.control("TH", [NAME, "5", NO_DATE, &source(), "File Formats"]);
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{NAME} - the configuration of traffic-forwarder"))]);
    page.control("SH", ["DESCRIPTION"]);
    for (place, paragraph) in DESCRIPTION.iter().enumerate() {
        if place > 0 {
            page.control("PP", []);
        }
        page.text(marked(paragraph));
    }
    for (section, heading, text) in SECTIONS {
        page.control("SH", [heading]).text(marked(text));
        describe_all(&mut page, section);
    }
    for table in inline_tables() {
        let text = format!("These stand in `{table} = {{ ... }}`.");
        page.control("SH", [table.to_uppercase().as_str()]).text(marked(&text));
        describe_all(&mut page, Section::Inside(table));
    }
    page.control("SH", ["EXAMPLES"]);
    example(&mut page, LINES);
    page.control("PP", []);
    page.text([roman("The same and more in TOML:")]);
    example(&mut page, TOML);
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("traffic-forwarder"), roman("(1)")]);
    page.render()
}

/// Keys with inline tables as values.
fn inline_tables() -> Vec<&'static str> {
    let mut tables: Vec<_> = settings()
        .iter()
        .filter_map(|setting| match setting.section {
            Section::Inside(table) => Some(table),
            _ => None,
        })
        .collect();
    tables.dedup();
    tables
}

fn describe_all(page: &mut Roff, section: Section) {
    for setting in settings().iter().filter(|setting| setting.section == section) {
        describe(page, setting);
    }
}

fn describe(page: &mut Roff, setting: &Setting) {
    page.control("TP", []).text([bold(setting.key)]).text(marked(setting.doc));
    let default =
        setting.default().map_or(String::new(), |default| format!(" Default: `{default}`."));
    let values = format!("Values: {}.{default}", setting.kind.values());
    page.control("br", []).text(marked(&values));
    let effect = format!("Effect of a reload: {}.", setting.effect.explanation());
    page.control("br", []).text([roman(effect)]);
}

/// A block of preformatted text.
fn example(page: &mut Roff, text: &str) {
    page.control("RS", ["4"]).control("nf", []);
    for line in text.lines() {
        page.text([roman(line)]);
    }
    page.control("fi", []).control("RE", []);
}

/// Sets text between backticks in bold.
fn marked(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate();
    parts.map(|(place, part)| if place % 2 == 0 { roman(part) } else { bold(part) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plan::{Input, read_text};
    use std::collections::HashSet;

    #[test]
    fn every_setting_is_in_a_section() {
        let tables = inline_tables().into_iter().map(Section::Inside);
        let sections: HashSet<_> =
            SECTIONS.iter().map(|(section, ..)| *section).chain(tables).collect();
        assert!(settings().iter().all(|setting| sections.contains(&setting.section)));
    }

    #[test]
    fn the_examples_are_valid_configurations() {
        for text in [LINES, TOML] {
            let input = Input { config: Some(NAME.into()), ..Input::default() };
            let reading = read_text(&input, text);
            assert!(reading.plan.is_some() && reading.problems.is_empty(), "{text}");
        }
    }
}
