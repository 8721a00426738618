//! `man`: manual pages, generated from the command-line definition and the table of settings.

mod configuration;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::output::{say_as_is, warn};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// clap_mangen omits an empty date, and the program's name would take its place.
const NO_DATE: &str = " ";

/// The program and its version, for the foot of each page.
fn source() -> String {
    format!("{} {}", env!("CARGO_PKG_NAME"), observe::Version::of_program())
}

/// Prints the page of the program, or writes all pages into `man1` and `man5` of a directory.
pub(crate) fn run(directory: Option<&Path>) -> Exit {
    let done = match directory {
        None => program_page().map(|page| say_as_is(&String::from_utf8_lossy(&page))),
        Some(directory) => write_pages(directory).map(|()| Exit::Done),
    };
    done.unwrap_or_else(|error| {
        let place = directory.map_or(String::new(), |path| format!(" into {}", path.display()));
        let error = flow::error_text(&error);
        warn(&format!("error: write manual pages{place}: {error}\n"));
        Exit::Failed
    })
}

/// The command-line definition, with the parts that clap generates.
fn program() -> Command {
    let mut program = Cli::command();
    program.build();
    program
}

fn write_pages(directory: &Path) -> io::Result<()> {
    let commands = section(directory, "man1")?;
    write_commands(&commands, &program())?;
    fs::write(commands.join(concat!(env!("CARGO_PKG_NAME"), ".1")), program_page()?)?;
    let formats = section(directory, "man5")?;
    fs::write(formats.join(format!("{}.5", configuration::NAME)), configuration::page())
}

/// Writes the page of each command of `parent`, and of their commands.
fn write_commands(directory: &Path, parent: &Command) -> io::Result<()> {
    for command in parent.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_display_name().unwrap_or(command.get_name());
        fs::write(directory.join(format!("{name}.1")), page(command.clone())?)?;
        write_commands(directory, command)?;
    }
    Ok(())
}

/// Returns the directory of one manual section, and creates it if missing.
fn section(directory: &Path, name: &str) -> io::Result<PathBuf> {
    let section = directory.join(name);
    match fs::create_dir(&section) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(section),
    }
}

fn page(command: Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).date(NO_DATE).source(source()).manual("User Commands").render(&mut page)?;
    Ok(page)
}

/// The page of the program, with a reference to that of its configuration file.
fn program_page() -> io::Result<Vec<u8>> {
    let mut page = page(program())?;
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).text([bold(configuration::NAME), roman("(5)")]);
    page.extend_from_slice(roff.to_roff().as_bytes());
    Ok(page)
}
