//! Where to ask: as the command line says, a configuration file, the environment, or by default.

use crate::console::failure::Failure;
use crate::console::place::Place;
use crate::console::reach::Whom;
use plan::{Admin, Input};
use std::path::{Path, PathBuf};

/// Holds an address, for who does not want to repeat `--admin`.
const VARIABLE: &str = "TRAFFIC_FORWARDER_ADMIN";

/// Where a process may be asked.
pub(crate) struct Whereabouts {
    /// To be tried in this order.
    pub(crate) places: Vec<Place>,
    /// The file with the token that a port asks for.
    pub(crate) token_file: Option<PathBuf>,
}

/// The first that there is of `--admin`, the configuration, the environment and the default.
pub(crate) fn find(whom: &Whom) -> Result<Whereabouts, Failure> {
    let (places, token_file) = match (&whom.admin, &whom.conf) {
        (Some(place), _) => (vec![place.clone()], None),
        (None, Some(file)) => of_configuration(file)?,
        (None, None) => (of_environment()?.map_or_else(by_default, |place| vec![place]), None),
    };
    Ok(Whereabouts { places, token_file: whom.token_file.clone().or(token_file) })
}

fn of_configuration(file: &Path) -> Result<(Vec<Place>, Option<PathBuf>), Failure> {
    let reading = plan::read(&Input { config: Some(file.to_owned()), ..Input::default() });
    let Some(plan) = reading.plan else {
        return Err(Failure::Configuration(reading.problems.render(false)));
    };
    let places = match plan.process.admin {
        Admin::Auto => by_default(),
        Admin::Unix(path) => vec![Place::Unix(path)],
        Admin::Tcp(address) => vec![Place::Tcp(address)],
        Admin::Off => {
            let file = plan::escaped(&file.to_string_lossy());
            let message = format!("`{file}` has `admin = \"off\"`: its process cannot be asked");
            return Err(Failure::Usage(message));
        }
    };
    Ok((places, plan.process.admin_token_file))
}

fn of_environment() -> Result<Option<Place>, Failure> {
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let value = value.to_string_lossy();
    let place = value.parse().map_err(|why| {
        let value = plan::escaped(&value);
        Failure::Usage(format!("the environment has {VARIABLE}={value}: {why}"))
    });
    place.map(Some)
}

fn by_default() -> Vec<Place> {
    host::admin_sockets().into_iter().map(Place::Unix).collect()
}
