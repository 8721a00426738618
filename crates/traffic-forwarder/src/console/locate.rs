//! Locates the admin interface from the options, a configuration file, the environment or the
//! defaults.

use crate::console::args::ConnectArgs;
use crate::console::endpoint::Endpoint;
use crate::console::failure::CommandError;
use crate::console::process_file;
use plan::{AdminSocket, Input};
use std::path::{Path, PathBuf};

/// An environment variable with an address, which saves repeating `--admin`.
const VARIABLE: &str = "TRAFFIC_FORWARDER_ADMIN";

/// The endpoints to try, and the token for them.
#[derive(Default)]
pub(crate) struct Located {
    /// In the order of preference.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Endpoints of a process that runs with `file`, if it listens at none of the others.
    pub(crate) elsewhere: Vec<Endpoint>,
    pub(crate) token_file: Option<PathBuf>,
    /// The configuration that `-c` names, if it gave the endpoints.
    pub(crate) file: Option<PathBuf>,
    /// The id of the `user` in it.
    pub(crate) user: Option<u32>,
}

/// Uses the first source that applies: `--admin`, the configuration, the environment, the defaults.
pub(crate) fn find(connect: &ConnectArgs) -> Result<Located, CommandError> {
    let located = match (&connect.admin, &connect.conf) {
        (Some(endpoint), _) => {
            Located { endpoints: vec![endpoint.clone()], ..named_user(connect.conf.as_deref()) }
        }
        (None, Some(file)) => of_configuration(file)?,
        (None, None) => Located { endpoints: without_options()?, ..Located::default() },
    };
    Ok(with_token_file(located, connect))
}

/// Like [`find`], for a file to compare with: the process need not run with it, and the file may be wrong.
pub(crate) fn find_to_compare(connect: &ConnectArgs) -> Result<Located, CommandError> {
    let Some(file) = connect.conf.as_deref().filter(|_| connect.admin.is_none()) else {
        return find(connect);
    };
    let mut located = of_configuration(file).unwrap_or_default();
    (located.elsewhere, located.file) = (Vec::new(), None);
    let others = without_options()?;
    let is_new = |other: &Endpoint| !located.endpoints.contains(other);
    let others: Vec<Endpoint> = others.into_iter().filter(is_new).collect();
    located.endpoints.extend(others);
    Ok(with_token_file(located, connect))
}

fn with_token_file(located: Located, connect: &ConnectArgs) -> Located {
    Located { token_file: connect.token_file.clone().or(located.token_file), ..located }
}

fn of_configuration(file: &Path) -> Result<Located, CommandError> {
    let absolute = process_file::absolute(file)?;
    let reading = plan::read(&Input { config: Some(file.to_owned()), ..Input::default() });
    let Some(plan) = reading.plan else {
        return Err(CommandError::Configuration(reading.problems.render(false)));
    };
    let user = host::user_of(&plan);
    let admin = plan.process.admin;
    if admin.is_off() {
        let file = plan::escaped(&file.to_string_lossy());
        let message = format!("`{file}` has `admin = \"off\"`: its process has no admin interface");
        return Err(CommandError::Usage(message));
    }
    let mut endpoints = match admin.socket {
        Some(AdminSocket::Auto) => by_default(),
        Some(AdminSocket::At(path)) => vec![Endpoint::Unix(path)],
        None => Vec::new(),
    };
    endpoints.extend(admin.port.map(Endpoint::Tcp));
    let mut elsewhere = by_default();
    elsewhere.retain(|endpoint| !endpoints.contains(endpoint));
    let token_file = plan.process.admin_token_file;
    Ok(Located { endpoints, elsewhere, token_file, file: Some(absolute), user })
}

/// The user in a configuration that is named beside `--admin`.
fn named_user(file: Option<&Path>) -> Located {
    let input = file.map(|file| Input { config: Some(file.to_owned()), ..Input::default() });
    let plan = input.and_then(|input| plan::read(&input).plan);
    Located { user: plan.as_ref().and_then(host::user_of), ..Located::default() }
}

fn without_options() -> Result<Vec<Endpoint>, CommandError> {
    Ok(of_environment()?.map_or_else(by_default, |endpoint| vec![endpoint]))
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
