//! Locates the admin interface from the options, a configuration file, the environment or the
//! defaults.

use crate::console::args::ConnectArgs;
use crate::console::endpoint::Endpoint;
use crate::console::failure::CommandError;
use plan::{Admin, Input};
use std::path::{Path, PathBuf};

/// An environment variable with an address, which saves repeating `--admin`.
const VARIABLE: &str = "TRAFFIC_FORWARDER_ADMIN";

/// The endpoints to try, and the token for them.
pub(crate) struct Located {
    /// In the order of preference.
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) token_file: Option<PathBuf>,
}

/// Uses the first source that applies: `--admin`, the configuration, the environment, the defaults.
pub(crate) fn find(connect: &ConnectArgs) -> Result<Located, CommandError> {
    let (endpoints, token_file) = match (&connect.admin, &connect.conf) {
        (Some(endpoint), _) => (vec![endpoint.clone()], None),
        (None, Some(file)) => of_configuration(file)?,
        (None, None) => {
            (of_environment()?.map_or_else(by_default, |endpoint| vec![endpoint]), None)
        }
    };
    Ok(Located { endpoints, token_file: connect.token_file.clone().or(token_file) })
}

fn of_configuration(file: &Path) -> Result<(Vec<Endpoint>, Option<PathBuf>), CommandError> {
    let reading = plan::read(&Input { config: Some(file.to_owned()), ..Input::default() });
    let Some(plan) = reading.plan else {
        return Err(CommandError::Configuration(reading.problems.render(false)));
    };
    let endpoints = match plan.process.admin {
        Admin::Auto => by_default(),
        Admin::Unix(path) => vec![Endpoint::Unix(path)],
        Admin::Tcp(address) => vec![Endpoint::Tcp(address)],
        Admin::Off => {
            let file = plan::escaped(&file.to_string_lossy());
            let message =
                format!("`{file}` has `admin = \"off\"`: its process has no admin interface");
            return Err(CommandError::Usage(message));
        }
    };
    Ok((endpoints, plan.process.admin_token_file))
}

fn of_environment() -> Result<Option<Endpoint>, CommandError> {
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let value = value.to_string_lossy();
    let endpoint = value.parse().map_err(|why| {
        let value = plan::escaped(&value);
        CommandError::Usage(format!("the environment has {VARIABLE}={value}: {why}"))
    });
    endpoint.map(Some)
}

fn by_default() -> Vec<Endpoint> {
    host::admin_sockets().into_iter().map(Endpoint::Unix).collect()
}
