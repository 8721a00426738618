//! Keywords of HAProxy, each with HAProxy and imported.

mod bind;
mod checks;
mod clients;
mod hellos;
mod limits;
mod retries;
mod scopes;
mod selection;
mod timeouts;
mod way;

use super::case::{Case, Program};

/// Sections as they are.
fn sections(text: &str) -> Case {
    Case::new(Program::Haproxy, format!("{text}\n"))
}

/// Times that no test reaches, but for connecting.
const DEFAULTS: &str = "\
defaults
    mode tcp
    timeout connect 1s
    timeout client 1m
    timeout server 1m
";

/// One `listen` with these lines, separated by semicolons.
fn listen(lines: &str) -> Case {
    let lines = lines.replace(';', "\n   ");
    sections(&format!("{DEFAULTS}listen web\n    bind LISTEN\n    {lines}"))
}

/// A frontend with its backend, behind separate `defaults`; lines are separated by semicolons.
fn sides(frontend_defaults: &str, frontend: &str, backend_defaults: &str, backend: &str) -> Case {
    let text = format!(
        "defaults\n    mode tcp\n    timeout connect 1s\n    {frontend_defaults}\n\
         frontend web\n    bind LISTEN\n    default_backend hosts\n    {frontend}\n\
         defaults\n    mode tcp\n    timeout connect 1s\n    {backend_defaults}\n\
         backend hosts\n    server a T1\n    {backend}"
    );
    sections(&text.replace(';', "\n   "))
}
