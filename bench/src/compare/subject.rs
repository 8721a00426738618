//! The forwarders that are compared: found and described.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::adapter::Adapter;
use super::template::fill_in;
use crate::failure::Result;

/// Where daemons are; not every user has these in `PATH`.
const DAEMON_DIRS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// A forwarder that is there.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) adapter: Adapter,
    pub(crate) binary: PathBuf,
    pub(crate) version: String,
}

impl Subject {
    /// Looks for the program of an adapter: `None` if it, or something it needs, is not there.
    pub(crate) fn find(adapter: &Adapter) -> Option<Self> {
        find_program(&adapter.binary, &adapter.needs).map(|binary| Self::at(adapter, binary))
    }

    /// The program of an adapter, at this place.
    pub(crate) fn at(adapter: &Adapter, binary: PathBuf) -> Self {
        let version = version_of(&binary, &adapter.version);
        Self { adapter: adapter.clone(), binary, version }
    }
}

/// The path of a program: `None` if it, or a file that it needs, is not there.
pub(crate) fn find_program(name: &str, needs: &[String]) -> Option<PathBuf> {
    let binary = find_binary(name)?;
    needs.iter().all(|path| Path::new(path).exists()).then_some(binary)
}

/// The version that the command prints, or `unknown`.
pub(crate) fn version_of(binary: &Path, command: &[String]) -> String {
    let values = [("binary", binary.display().to_string())];
    version(command, &values).unwrap_or_else(|| "unknown".to_owned())
}

fn find_binary(name: &str) -> Option<PathBuf> {
    let dirs = format!("{}:{DAEMON_DIRS}", std::env::var("PATH").unwrap_or_default());
    std::env::split_paths(&dirs).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// The first word of a command's output that looks like a version.
fn version(command: &[String], values: &[(&str, String)]) -> Option<String> {
    let words: Vec<_> =
        command.iter().map(|word| fill_in(word, values)).collect::<Result<_>>().ok()?;
    let (program, arguments) = words.split_first()?;
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    find_version(&String::from_utf8_lossy(&text)).map(str::to_owned)
}

fn find_version(text: &str) -> Option<&str> {
    let words = text.split(|c: char| c.is_whitespace() || "/(),".contains(c));
    let bare = words.map(|word| word.strip_prefix('v').unwrap_or(word));
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let numbers: Vec<_> = bare.filter(is_number).collect();
    numbers.iter().find(|word| word.contains('.')).or(numbers.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (text, version) in [
            ("HAProxy version 2.6.12-1+deb12u4 2026/10/17 -", "2.6.12-1+deb12u4"),
            ("nginx version: nginx/1.22.1\n", "1.22.1"),
            ("socat by A B - see www.x.org\nsocat version 1.7.4.4 on", "1.7.4.4"),
            ("systemd 252 (252.39-1~deb12u2)\n", "252.39-1~deb12u2"),
            ("3.3\n", "3.3"),
            ("gost v3.0.0 (go1.22 linux/amd64)", "3.0.0"),
        ] {
            assert_eq!(find_version(text), Some(version));
        }
        assert_eq!(find_version("none"), None);
    }
}
