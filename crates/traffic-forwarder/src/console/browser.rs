//! Opens a secret URL in the user's browser.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A private file that leads a browser to the URL: the arguments of a program are visible to every user of the
/// host. `Drop` removes it.
pub(crate) struct Redirect(PathBuf);

/// Opens the URL with xdg-open(1), if there is one and a desktop. Returns the file to keep meanwhile.
pub(crate) fn open(url: &str, unguessable: &str) -> io::Result<Option<Redirect>> {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    // Without a desktop, xdg-open may start a browser on this terminal.
    if !is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY") {
        return Ok(None);
    }
    let folder = env::var_os("XDG_RUNTIME_DIR").map_or_else(env::temp_dir, PathBuf::from);
    let path = folder.join(format!("traffic-forwarder-{unguessable}.html"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let redirect = Redirect(path);
    let page = format!("<!doctype html><meta http-equiv=\"refresh\" content=\"0;url={url}\">\n");
    file.write_all(page.as_bytes())?;
    let mut command = Command::new("xdg-open");
    command.arg(OsStr::new(&redirect.0)).stdin(Stdio::null());
    match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
        Ok(_) => Ok(Some(redirect)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Drop for Redirect {
    fn drop(&mut self) {
        // It is useless once the command has ended.
        let _ = fs::remove_file(&self.0);
    }
}
