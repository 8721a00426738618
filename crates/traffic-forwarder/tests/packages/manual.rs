//! `man`: the pages say what the command line says.

use std::fs;

use tempfile::TempDir;
use testkit::{Forwarder, LIMIT, Tool};

use crate::made::BINARY;

fn commands() -> Vec<String> {
    let help = Forwarder::binary(BINARY).arg("--help").run().success().text();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn each_command_has_a_page_without_errors() {
    let dir = TempDir::new().unwrap();
    Forwarder::binary(BINARY).arg("man").arg(dir.path()).run().success();
    let mut pages: Vec<_> = fs::read_dir(&dir).unwrap().map(|page| page.unwrap().path()).collect();
    pages.sort();
    let mut expected = vec![dir.path().join("traffic-forwarder.1")];
    let of_command = |name| dir.path().join(format!("traffic-forwarder-{name}.1"));
    expected.extend(commands().into_iter().map(of_command));
    expected.sort();
    assert_eq!(pages, expected);
    let mandoc = Tool::find("mandoc");
    for page in pages {
        mandoc.run(["-Tlint", "-Werror", page.to_str().unwrap()], LIMIT);
        let text = mandoc.run(["-Tascii", page.to_str().unwrap()], LIMIT).text();
        for section in ["N\u{8}NA", "S\u{8}SY", "D\u{8}DE", "O\u{8}OP"] {
            assert!(text.contains(section), "{section} in {}", page.display());
        }
    }
}

#[test]
fn without_a_directory_the_program_s_page_is_printed() {
    let page = Forwarder::binary(BINARY).arg("man").run().success().text();
    assert!(page.contains("\n.TH traffic-forwarder 1 "), "{page}");
    for name in commands() {
        assert!(page.contains(&format!("traffic\\-forwarder\\-{name}(1)")), "{name}: {page}");
    }
}

#[test]
fn a_directory_that_is_not_there_is_an_error() {
    let finished = Forwarder::binary(BINARY).args(["man", "/nowhere"]).run();
    assert_eq!(finished.status.code(), Some(1));
    assert!(
        finished.stderr.contains("write manual pages into /nowhere: No such file"),
        "{finished}"
    );
}
