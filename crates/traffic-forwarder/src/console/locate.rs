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
/// The remedy if a file that only gives the address is invalid.
const HELP: &str = "with --admin, no file is needed";

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
    /// The problems of a file to compare with, which the process reports if one answers.
    pub(crate) problems: Option<String>,
}

/// What a command uses the file of `-c` for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileUse {
    /// Only for the address of the process, which `--admin` could give as well.
    Address,
    /// As the file to reload.
    Reload,
    /// As the file to compare with: the process need not run with it, and it may be wrong.
    Compare,
}

/// Uses the first source that applies: `--admin`, the configuration, the environment, the defaults.
pub(crate) fn find(connect: &ConnectArgs, file_use: FileUse) -> Result<Located, CommandError> {
    let located = match (&connect.admin, &connect.conf) {
        (Some(endpoint), _) => {
            Located { endpoints: vec![endpoint.clone()], ..named_user(connect.conf.as_deref()) }
        }
        (None, Some(file)) if file_use == FileUse::Compare => of_compared(file)?,
        (None, Some(file)) => {
            let help = (file_use == FileUse::Address).then_some(HELP);
            of_configuration(file)?.map_err(|problems| invalid(&problems, help))?
        }
        (None, None) => Located { endpoints: without_options()?, ..Located::default() },
    };
    Ok(Located { token_file: connect.token_file.clone().or(located.token_file), ..located })
}

fn invalid(problems: &str, help: Option<&str>) -> CommandError {
    let help = help.map(|help| format!("\n\n  help: {help}")).unwrap_or_default();
    CommandError::Configuration(format!("{}{help}", problems.trim_end()))
}

/// The endpoints in a file to compare with, and then the defaults.
fn of_compared(file: &Path) -> Result<Located, CommandError> {
    let mut located = match of_configuration(file) {
        Ok(Ok(located)) => located,
        Ok(Err(problems)) => Located { problems: Some(problems), ..Located::default() },
        // Its process would have no admin interface: that of another file may have one.
        Err(_) => Located::default(),
    };
    (located.elsewhere, located.file) = (Vec::new(), None);
    let others = without_options()?;
    let is_new = |other: &Endpoint| !located.endpoints.contains(other);
    let others: Vec<Endpoint> = others.into_iter().filter(is_new).collect();
    located.endpoints.extend(others);
    Ok(located)
}

/// The endpoints in a configuration file, or its rendered problems.
fn of_configuration(file: &Path) -> Result<Result<Located, String>, CommandError> {
    let absolute = process_file::absolute(file)?;
    let reading = plan::read(&Input { config: Some(file.to_owned()), ..Input::default() });
    let Some(plan) = reading.plan else {
        return Ok(Err(reading.problems.render(false)));
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
    let file = Some(absolute);
    Ok(Ok(Located { endpoints, elsewhere, token_file, file, user, problems: None }))
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
