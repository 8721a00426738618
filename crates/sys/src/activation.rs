//! Socket activation: descriptors passed by the service manager (sd_listen_fds(3)).

use crate::Errno;
use crate::handoff::claim;
use rustix::fd::OwnedFd;
use std::env;
use std::fmt;

/// Number of the first activated descriptor (`SD_LISTEN_FDS_START`).
const FIRST: u32 = 3;
/// Name of a descriptor without a name.
const UNNAMED: &str = "unknown";

/// A descriptor passed by the service manager.
#[derive(Debug)]
pub struct ActivatedDescriptor {
    /// Its `FileDescriptorName=`; several descriptors may share a name.
    pub name: String,
    /// The descriptor, now close-on-exec.
    pub descriptor: OwnedFd,
}

/// The environment announces descriptors that do not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationError {
    promised: String,
    errno: Option<Errno>,
}

impl fmt::Display for ActivationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { promised, errno } = self;
        match errno {
            None => write!(f, "LISTEN_FDS={promised} is not a number of descriptors"),
            Some(errno) => {
                let error = crate::errno_text(*errno);
                write!(f, "use descriptor {promised}, which LISTEN_FDS promises: {error}")
            }
        }
    }
}

impl std::error::Error for ActivationError {}

/// Takes the descriptors announced by `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES`, in order.
/// None if they are for another process. A second call fails, because they have been taken.
pub fn take_activated() -> Result<Vec<ActivatedDescriptor>, ActivationError> {
    let variable = |name| env::var_os(name).and_then(|value| value.into_string().ok());
    let is_ours = variable("LISTEN_PID").is_some_and(|pid| pid == std::process::id().to_string());
    let Some(count) = variable("LISTEN_FDS").filter(|_| is_ours) else { return Ok(Vec::new()) };
    let names = names(&count, &variable("LISTEN_FDNAMES").unwrap_or_default())?;
    (FIRST..).zip(names).map(|(number, name)| take(number, name)).collect()
}

/// The names of `count` descriptors.
fn names(count: &str, names: &str) -> Result<Vec<String>, ActivationError> {
    let error = || ActivationError { promised: count.to_owned(), errno: None };
    // By default, no process has more descriptors than 16 bits can count.
    let count: usize = count.parse::<u16>().map_err(|_| error())?.into();
    let given = names.split(':').map(|name| if name.is_empty() { UNNAMED } else { name });
    Ok(given.chain(std::iter::repeat(UNNAMED)).take(count).map(str::to_owned).collect())
}

fn take(number: u32, name: String) -> Result<ActivatedDescriptor, ActivationError> {
    let error = |errno| ActivationError { promised: number.to_string(), errno: Some(errno) };
    Ok(ActivatedDescriptor { name, descriptor: claim(number).map_err(error)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_descriptor_has_a_name() {
        for (count, given, expected) in [
            ("0", "", &[] as &[_]),
            ("1", "", &["unknown"]),
            ("3", "web:web:db", &["web", "web", "db"]),
            ("2", "web", &["web", "unknown"]),
            ("1", "web:db", &["web"]),
        ] {
            assert_eq!(names(count, given).unwrap(), expected);
        }
    }

    #[test]
    fn an_invalid_number_is_an_error() {
        for count in ["", "-1", "two", "100000"] {
            let error = names(count, "").unwrap_err().to_string();
            assert_eq!(error, format!("LISTEN_FDS={count} is not a number of descriptors"));
        }
    }

    #[test]
    fn descriptors_for_another_process_are_not_taken() {
        assert!(take_activated().unwrap().is_empty());
    }
}
