//! Where the targets of a program are, and its start.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use super::program::{Config, Program};
use crate::compare::template::fill_in;
use crate::failure::{Context, Result};
use crate::trial::stage::{Running, Stage, Values, address_values, command};

/// Name that the programs look up.
pub(super) const NAME: &str = "db.test";

/// Where the targets of a configuration are.
#[derive(Debug)]
pub(super) enum Way<'a> {
    /// Several addresses; the port is that of an HTTP check.
    Addresses(&'a Config, &'a [SocketAddr], u16),
    /// The addresses of [`NAME`] at this port, from this name server.
    Name(&'a str, u16, SocketAddr),
}

/// Starts a program, and waits until it listens.
pub(super) fn start(stage: &Stage, program: &Program, way: &Way<'_>) -> Result<Running> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, stage.port()));
    let mut values = Vec::new();
    let text = way.text(&mut values)?;
    stage.start(program, listen, text, values, |dir, words| way.command(dir, words))
}

impl<'a> Way<'a> {
    /// The template of the configuration, and the values that only it has.
    fn text(&self, values: &mut Values) -> Result<&'a str> {
        match self {
            Self::Addresses(config, addresses, check_port) => {
                let numbered = (1..).zip(*addresses);
                let target = |(number, address): (usize, &SocketAddr)| {
                    let mut values =
                        address_values(["target", "target_host", "target_port"], *address);
                    values.push(("number", number.to_string()));
                    values.push(("check_port", check_port.to_string()));
                    fill_in(&config.target, &values)
                };
                let parts = numbered.map(target).collect::<Result<Vec<_>>>()?;
                let first = addresses.first().map(ToString::to_string);
                values.push(("first_target", first.unwrap_or_default()));
                values.push(("other_targets", parts.iter().skip(1).cloned().collect()));
                values.push(("targets", parts.concat()));
                values.push(("check_port", check_port.to_string()));
                Ok(&config.text)
            }
            Self::Name(text, port, name_server) => {
                values.push(("name", NAME.to_owned()));
                values.push(("name_port", port.to_string()));
                let keys = ["name_server", "name_server_host", "name_server_port"];
                values.extend(address_values(keys, *name_server));
                Ok(text)
            }
        }
    }

    /// The command. With a name, the system's configuration of names is that of the case.
    fn command(&self, dir: &Path, words: &[String]) -> Result<Command> {
        const SCRIPT: &str = r#"mount --bind "$0/resolv.conf" /etc/resolv.conf && exec "$@""#;
        let Self::Name(_, _, name_server) = self else {
            return Ok(command(words));
        };
        let text = format!("nameserver {}\n", name_server.ip());
        fs::write(dir.join("resolv.conf"), text).context("resolv.conf")?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", SCRIPT]).arg(dir).args(words);
        Ok(command)
    }
}
