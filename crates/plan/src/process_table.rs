//! The `[process]` table, with checks across its keys.

use crate::plan::{Admin, Process};
use crate::problem::ParseError;
use crate::setting::Role;
use crate::toml_values::{Entries, Reader};

/// Parses the table.
pub(crate) fn process(reader: &mut Reader<'_, '_>, table: Entries<'_, '_>) -> Process {
    let mut process = Process::default();
    reader.fill(&mut process, table);
    if !matches!(process.admin, Admin::Tcp(_)) {
        process.admin_token_file = None;
        // The token file is not used, so it may be any path.
        reader.paths.retain(|path| path.role != Role::AdminToken);
    } else if !table.contains_key("admin_token_file") {
        token_file_is_missing(reader, table);
    }
    group_needs_a_user(reader, table);
    process
}

/// Reports a missing `admin_token_file`: every user of the host can connect to a port.
fn token_file_is_missing(reader: &mut Reader<'_, '_>, table: Entries<'_, '_>) {
    let Some(value) = table.get("admin") else { return };
    let message = "an admin interface on a port needs `admin_token_file`";
    let hint = "write a long random word into a file that only this process may read, \
                and name the file here; or use a Unix socket: `admin = \"auto\"`";
    reader.report(&reader.source.span(value.span()), &ParseError::new(0..0, message).hint(hint));
}

/// Reports `group` without `user`: the process would stay root.
fn group_needs_a_user(reader: &mut Reader<'_, '_>, table: Entries<'_, '_>) {
    let Some(value) = table.get("group").filter(|_| !table.contains_key("user")) else { return };
    let error = ParseError::new(0..0, "`group` needs a `user` that it goes with");
    let span = reader.source.span(value.span());
    reader.report(&span, &error.hint("name the user that the process is to become"));
}
