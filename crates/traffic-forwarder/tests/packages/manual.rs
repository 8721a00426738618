//! `man`: the pages have the help of the command line and of the settings.

use std::fs;
use std::path::Path;

use plan::settings;
use tempfile::TempDir;
use testkit::{Forwarder, LIMIT, Tool};

use crate::made::BINARY;

fn commands() -> Vec<String> {
    commands_of(&[])
}

/// The commands that the help of a command lists.
fn commands_of(command: &[&str]) -> Vec<String> {
    let help = Forwarder::binary(BINARY).args(command).arg("--help").run().success().text();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Runs `man`, and returns the directory with its pages.
fn written() -> TempDir {
    let dir = TempDir::new().unwrap();
    Forwarder::binary(BINARY).arg("man").arg(dir.path()).run().success();
    dir
}

/// Renders a page; panics on any complaint of mandoc(1).
fn shown(page: &Path) -> String {
    let mandoc = Tool::find("mandoc");
    mandoc.run(["-Tlint", "-Werror", page.to_str().unwrap()], LIMIT);
    // Bold letters are overstruck: letter, backspace, letter.
    let text = mandoc.run(["-Tutf8", page.to_str().unwrap()], LIMIT).text();
    let steps: Vec<_> = text.split('\u{8}').collect();
    let plain = |(place, part): (usize, &&str)| {
        let dropped = usize::from(place + 1 < steps.len());
        part.chars().take(part.chars().count() - dropped).collect::<String>()
    };
    steps.iter().enumerate().map(plain).collect()
}

#[test]
fn each_command_has_a_page_without_errors() {
    let dir = written();
    let section = dir.path().join("man1");
    let mut pages: Vec<_> =
        fs::read_dir(&section).unwrap().map(|page| page.unwrap().path()).collect();
    pages.sort();
    let mut expected = vec![section.join("traffic-forwarder.1")];
    let of_command = |name: &str| section.join(format!("traffic-forwarder-{name}.1"));
    for name in commands() {
        let nested = commands_of(&[&name]);
        expected.extend(nested.iter().map(|it| of_command(&format!("{name}-{it}"))));
        expected.push(of_command(&name));
    }
    expected.sort();
    assert_eq!(pages, expected);
    for page in pages {
        let text = shown(&page);
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"] {
            assert!(text.contains(&format!("\n{section}\n")), "{section} in {text}");
        }
    }
}

#[test]
fn the_configuration_page_has_every_setting() {
    let text = shown(&written().path().join("man5/traffic-forwarder.conf.5"));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = words(&text);
    for setting in settings() {
        let default = setting.default().map(|default| format!(" Default: {default}."));
        let expected = format!(
            "{} {} Values: {}.{} Effect of a reload: {}.",
            setting.key,
            setting.doc.replace('`', ""),
            setting.kind.values().replace('`', ""),
            default.unwrap_or_default(),
            setting.effect.explanation()
        );
        assert!(shown.contains(&words(&expected)), "{expected}\n{text}");
    }
}

#[test]
fn pages_are_written_over_older_ones() {
    let dir = written();
    let page = dir.path().join("man5/traffic-forwarder.conf.5");
    fs::write(&page, "older").unwrap();
    Forwarder::binary(BINARY).arg("man").arg(dir.path()).run().success();
    assert!(fs::read_to_string(&page).unwrap().contains("idle_timeout"));
}

#[test]
fn without_a_directory_the_program_s_page_is_printed() {
    let page = Forwarder::binary(BINARY).arg("man").run().success().text();
    assert!(page.contains("\n.TH traffic-forwarder 1 "), "{page}");
    for name in commands() {
        assert!(page.contains(&format!("traffic\\-forwarder\\-{name}(1)")), "{name}: {page}");
    }
    assert!(page.contains("\\fBtraffic\\-forwarder.conf\\fR(5)"), "{page}");
}

#[test]
fn a_missing_directory_is_an_error() {
    let finished = Forwarder::binary(BINARY).args(["man", "/nowhere"]).run();
    assert_eq!(finished.status.code(), Some(1));
    assert!(
        finished.stderr.contains("write manual pages into /nowhere: no such file"),
        "{finished}"
    );
}
