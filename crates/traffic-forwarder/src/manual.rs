//! `man`: the manual pages, from the definition of the command line.

use crate::cli::Cli;
use crate::exit::Exit;
use crate::{say, warn};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::path::Path;
use std::{fs, io};

/// An empty date would be left out, and the program's name would take its place.
const NO_DATE: &str = " ";

/// Prints the page of the program, or writes the pages of all its commands into a directory.
pub(crate) fn run(directory: Option<&Path>) -> Exit {
    let done = match directory {
        None => page(program()).map(|page| say(&String::from_utf8_lossy(&page))),
        Some(directory) => write_pages(directory).map(|()| Exit::Done),
    };
    done.unwrap_or_else(|error| {
        let place = directory.map_or(String::new(), |path| format!(" into {}", path.display()));
        warn(&format!("error: write manual pages{place}: {error}\n"));
        Exit::Failed
    })
}

/// The command line, complete with what the library adds to it.
fn program() -> Command {
    let mut program = Cli::command();
    program.build();
    program
}

fn write_pages(directory: &Path) -> io::Result<()> {
    let program = program();
    let shown = program.get_subcommands().filter(|command| !command.is_hide_set());
    for command in shown.chain([&program]) {
        let name = command.get_display_name().unwrap_or(command.get_name());
        fs::write(directory.join(format!("{name}.1")), page(command.clone())?)?;
    }
    Ok(())
}

fn page(command: Command) -> io::Result<Vec<u8>> {
    let source = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    let mut page = Vec::new();
    Man::new(command).date(NO_DATE).source(source).manual("User Commands").render(&mut page)?;
    Ok(page)
}
