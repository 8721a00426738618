//! The commands that the READMEs list are those of the program.

use crate::repository::{BINARY, readmes};
use crate::tables::code;
use testkit::Forwarder;

#[test]
fn the_readmes_list_every_command() {
    let help = Forwarder::binary(BINARY).arg("--help").run().success().text();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    // What is indented further is the rest of a description.
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let commands: Vec<_> = names.filter(|name| !name.is_empty()).map(code).collect();
    assert!(commands.len() >= 11, "{help}");
    for (readme, head) in readmes().iter().zip([["Command", "What it does"], ["命令", "作用"]])
    {
        let mut rows: Vec<_> = readme.table(&head).into_iter().map(|row| row[0]).collect();
        let mut commands = commands.clone();
        rows.sort_unstable();
        commands.sort_unstable();
        assert_eq!(rows, commands, "{}", readme.name);
    }
}
