//! Descriptors that the service manager has opened for this process (sd_listen_fds(3)).

use crate::Errno;
use crate::handoff::claim;
use rustix::fd::OwnedFd;
use std::env;
use std::fmt;

/// The number of the first one.
const FIRST: u32 = 3;
/// The name of one that was given none.
const UNNAMED: &str = "unknown";

/// A descriptor that was there when the process started.
#[derive(Debug)]
pub struct ActivatedDescriptor {
    /// What its unit calls it; several may have one name.
    pub name: String,
    /// The descriptor, close-on-exec from now on.
    pub descriptor: OwnedFd,
}

/// The environment promises descriptors that are not there.
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

/// Takes the descriptors that `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` tell of, in their
/// order; none if they are meant for another process. An error the second time: they are taken.
pub fn take_activated() -> Result<Vec<ActivatedDescriptor>, ActivationError> {
    let variable = |name| env::var_os(name).and_then(|value| value.into_string().ok());
    let is_ours = variable("LISTEN_PID").is_some_and(|pid| pid == std::process::id().to_string());
    let Some(count) = variable("LISTEN_FDS").filter(|_| is_ours) else { return Ok(Vec::new()) };
    let names = names(&count, &variable("LISTEN_FDNAMES").unwrap_or_default())?;
    (FIRST..).zip(names).map(|(number, name)| take(number, name)).collect()
}

/// The names of so many descriptors.
fn names(count: &str, names: &str) -> Result<Vec<String>, ActivationError> {
    let error = || ActivationError { promised: count.to_owned(), errno: None };
    // No process has more descriptors than a 16-bit number of them by default.
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
    fn a_number_that_is_none_is_an_error() {
        for count in ["", "-1", "two", "100000"] {
            let error = names(count, "").unwrap_err().to_string();
            assert_eq!(error, format!("LISTEN_FDS={count} is not a number of descriptors"));
        }
    }

    #[test]
    fn nothing_is_taken_that_is_meant_for_another_process() {
        assert!(take_activated().unwrap().is_empty());
    }
}
