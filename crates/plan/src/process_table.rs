//! The `[process]` table, with checks across its keys.

use toml::Spanned;
use toml::de::DeValue;

use crate::admin::{AdminValue, MetricsAddress};
use crate::admin_text::parse_admin;
use crate::plan::Process;
use crate::problem::ParseError;
use crate::text::{Fragment, quoted};
use crate::toml_values::{Entries, Reader};

/// Permission bits of users that are neither the owner nor in the group.
const OTHERS: u32 = 0o007;

/// Parses the table.
pub(crate) fn process(reader: &mut Reader<'_, '_>, table: Entries<'_, '_>) -> Process {
    let mut process = Process::default();
    reader.fill(&mut process, table);
    if process.admin.port.is_some() && !table.contains_key("admin_token_file") {
        token_file_is_missing(reader, table);
    }
    admin_has_one_of_each(reader, table);
    others_may_not_operate(reader, table, &process);
    metrics_need_an_address_of_their_own(reader, table, &process);
    group_needs_a_user(reader, table);
    process
}

/// Reports the value of `key`.
fn report(reader: &mut Reader<'_, '_>, table: Entries<'_, '_>, key: &str, error: &ParseError) {
    if let Some(value) = table.get(key) {
        reader.report(&reader.source.span(value.span()), error);
    }
}

/// Reports a missing `admin_token_file`: every user of the host can connect to a port.
fn token_file_is_missing(reader: &mut Reader<'_, '_>, table: Entries<'_, '_>) {
    let message = "an admin interface on a port needs `admin_token_file`";
    let hint = "write a long random word into a file that only this process may read, \
                and name the file here; or use a Unix socket: `admin = \"auto\"`";
    report(reader, table, "admin", &ParseError::new(0..0, message).hint(hint));
}

/// Reports a second Unix socket or port in `admin`, and `"off"` beside another value.
fn admin_has_one_of_each(reader: &mut Reader<'_, '_>, table: Entries<'_, '_>) {
    let values = table.get("admin").and_then(|value| value.get_ref().as_array());
    let Some(values) = values.filter(|values| values.len() > 1) else { return };
    let read = |value: &Spanned<DeValue<'_>>| {
        let text = value.get_ref().as_str()?;
        // A wrong value has been reported.
        Some((value.span(), parse_admin(Fragment::new(text)).ok()?))
    };
    let (mut sockets, mut ports) = (0, 0);
    for (span, value) in values.iter().filter_map(read) {
        let message = match value {
            AdminValue::Off => Some("`off` in `admin` stands alone: nothing listens then"),
            AdminValue::Socket(_) => {
                sockets += 1;
                (sockets > 1).then_some("`admin` has another Unix socket already")
            }
            AdminValue::Port(_) => {
                ports += 1;
                (ports > 1).then_some("`admin` has another port already")
            }
        };
        if let Some(message) = message {
            let error = ParseError::new(0..0, message);
            let hint = "name one Unix socket, one port, or one of each";
            reader.report(&reader.source.span(span), &error.hint(hint));
        }
    }
}

/// Reports an `admin_mode` with which every user of the host could operate the process.
fn others_may_not_operate(reader: &mut Reader<'_, '_>, table: Entries<'_, '_>, process: &Process) {
    let Some(mode) = process.admin_mode.filter(|mode| mode.bits() & OTHERS != 0) else { return };
    let message = format!("`{mode}` would let every user of this host operate the process");
    let hint = "write \"0660\", and the group of the operators as `admin_group`";
    report(reader, table, "admin_mode", &ParseError::new(0..0, message).hint(hint));
}

/// Reports `metrics` on the port of the admin interface.
fn metrics_need_an_address_of_their_own(
    reader: &mut Reader<'_, '_>,
    table: Entries<'_, '_>,
    process: &Process,
) {
    let Some(metrics) = process.metrics.map(MetricsAddress::listen) else { return };
    if process.admin.addresses().any(|admin| admin.overlaps(&metrics)) {
        let metrics = quoted(&metrics.to_string());
        let message = format!("{metrics} is already listened on by the admin interface");
        let hint =
            "give `metrics` another port; the admin interface has `/metrics`, too, with a token";
        report(reader, table, "metrics", &ParseError::new(0..0, message).hint(hint));
    }
}

/// Reports `group` without `user`: the process would stay root.
fn group_needs_a_user(reader: &mut Reader<'_, '_>, table: Entries<'_, '_>) {
    if table.contains_key("user") {
        return;
    }
    let error = ParseError::new(0..0, "`group` needs a `user` that it goes with");
    report(reader, table, "group", &error.hint("name the user that the process is to become"));
}
