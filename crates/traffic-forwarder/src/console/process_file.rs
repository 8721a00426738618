//! The configuration file of a process, compared with the one that `-c` names.

use crate::console::failure::CommandError;
use api::Status;
use plan::{escaped, shell_word};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The absolute path of a file named on the command line.
pub(crate) fn absolute(file: &Path) -> Result<PathBuf, CommandError> {
    if file == Path::new("-") {
        let message = "-c: standard input is not a file that the process could read".to_owned();
        return Err(CommandError::Usage(message));
    }
    std::path::absolute(file)
        .map_err(|error| CommandError::Usage(format!("-c: {}", flow::error_text(&error))))
}

/// Whether the process runs with this file, under any of its paths.
pub(crate) fn runs_with(status: &Status, file: &Path) -> bool {
    let Some(config) = status.config.as_deref().map(Path::new) else { return false };
    let id = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
    // A path that is not absolute, of an earlier version, starts elsewhere.
    config == file || config.is_absolute() && id(config).is_some_and(|it| Some(it) == id(file))
}

/// The refusal to reload a process that runs with another file than the named one.
pub(crate) fn other_file(status: &Status, file: &Path) -> CommandError {
    let named = escaped(&file.to_string_lossy());
    let Some(config) = status.config.as_deref() else {
        return CommandError::Usage(format!(
            "the process (pid {}) has no file to reload: its forwards are from the command line\n\n  \
             named: {named}",
            status.pid
        ));
    };
    CommandError::Usage(format!(
        "the process (pid {}) runs with another file, the only one that it reloads\n\n  \
         runs with: {}\n  named:     {named}\n\n  \
         help: compare with `traffic-forwarder plan -c {}`; to apply it, copy it over the file that the process runs with, and reload that one",
        status.pid,
        escaped(config),
        shell_word(&named),
    ))
}
