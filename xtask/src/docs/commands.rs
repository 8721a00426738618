//! The command reference, from what the program prints with `--help`.

use super::{code, table};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Descriptions are indented by at least this much, arguments and options by less.
const DESCRIPTION_INDENT: usize = 8;

/// The help of one command.
#[derive(Debug)]
pub struct Help {
    /// `None` for the program without a command.
    pub name: Option<String>,
    /// Each argument and option with its description, without `--help`.
    pub items: Vec<(String, String)>,
    about: String,
    usage: Vec<String>,
    /// The paragraph about the exit status, if the command has its own.
    exit: Option<String>,
}

/// The help of the program, and of each command that it or one of them lists.
///
/// # Errors
/// If the program cannot be executed.
pub fn read(program: &Path) -> io::Result<Vec<Help>> {
    let text = help_text(program, &[])?;
    let mut commands = vec![parse(None, &text)];
    for name in names(&text) {
        let text = help_text(program, &[name])?;
        commands.push(parse(Some(name), &text));
        for action in names(&text) {
            let text = help_text(program, &[name, action])?;
            commands.push(parse(Some(&format!("{name} {action}")), &text));
        }
    }
    Ok(commands)
}

fn help_text(program: &Path, words: &[&str]) -> io::Result<String> {
    let mut command = Command::new(program);
    // Without a terminal, COLUMNS is the width: no description is wrapped.
    command.args(words).arg("--help").env("COLUMNS", "10000").stdin(Stdio::null());
    Ok(String::from_utf8_lossy(&command.output()?.stdout).into_owned())
}

/// The names below `Commands:`. Lines with more indentation continue a description.
fn names(help: &str) -> impl Iterator<Item = &str> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty())
}

fn parse(name: Option<&str>, help: &str) -> Help {
    let about = help.lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
    let usage = help.lines().skip_while(|line| !line.starts_with("Usage: "));
    let usage = usage.take_while(|line| !line.is_empty());
    let usage = usage.map(|line| line.trim_start_matches("Usage: ").trim().to_owned()).collect();
    let exit = name.and_then(|_| paragraph(help, "Exit status: "));
    Help { name: name.map(str::to_owned), items: items(help), about, usage, exit }
}

/// The paragraph that begins so, on one line.
fn paragraph(help: &str, begin: &str) -> Option<String> {
    let lines = help.lines().skip_while(|line| !line.starts_with(begin));
    let lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    (!lines.is_empty()).then(|| lines.join(" "))
}

fn items(help: &str) -> Vec<(String, String)> {
    let mut items: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in help.lines().filter(|line| !line.is_empty()) {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if indent == 0 {
            inside = matches!(line, "Arguments:" | "Options:");
        } else if inside && indent < DESCRIPTION_INDENT {
            let (name, description) = text.split_once("  ").unwrap_or((text, ""));
            items.push((name.to_owned(), description.trim_start().to_owned()));
        } else if inside && let Some((_, description)) = items.last_mut() {
            let gap = if description.is_empty() { "" } else { " " };
            description.extend([gap, text]);
        }
    }
    items.retain(|(name, _)| !name.ends_with("--help"));
    items
}

/// A table of all commands that leads to their sections.
pub(super) fn list(commands: &[Help]) -> String {
    let row = |help: &Help| {
        let name = help.name.as_ref()?;
        Some(vec![format!("[`{name}`](#{})", name.replace(' ', "-")), format!("{}.", help.about)])
    };
    table(&["Command", "Meaning"], commands.iter().filter_map(row))
}

/// One section for each command.
pub(super) fn reference(commands: &[Help]) -> String {
    let section = |help: &Help| {
        let usage: Vec<_> = help.usage.iter().map(|usage| code(usage)).collect();
        let items = help.items.iter().map(|(name, text)| vec![code(name), text.clone()]);
        let exit = help.exit.as_ref().map_or_else(String::new, |exit| format!("\n{exit}\n"));
        format!(
            "## {}\n\n{}.\n\nUsage: {}\n\n{}{exit}",
            help.name.as_deref().unwrap_or("Without a command"),
            help.about,
            usage.join(", "),
            table(&["Argument or option", "Meaning"], items)
        )
    };
    commands.iter().map(section).collect::<Vec<_>>().join("\n")
}
