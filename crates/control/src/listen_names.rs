//! Listeners on names: looked up at the start, and at each reload.

use discover::{HostAnswer, LookUpError, look_up_hosts, look_up_hosts_now};
use plan::{Forward, ListenAddress, ListenConflict, ListenNames, Plan};
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Time limit for all names together: a start, or a reload, waits for them.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(5);

/// Why a forward cannot listen on the addresses of a name now.
#[derive(Debug)]
pub enum ListenNameError {
    /// The name has no address now.
    Unresolved(UnresolvedName),
    /// Another listener excludes one of its addresses.
    Conflict(ListenConflict),
}

/// A name to listen on that has no address now.
#[derive(Debug)]
pub struct UnresolvedName {
    forward: String,
    location: String,
    address: ListenAddress,
    cause: LookUpError,
}

impl fmt::Display for UnresolvedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { forward, location, address, cause } = self;
        write!(
            f,
            "listen {address}: {cause} (`getent ahosts` shows the addresses of a name; give an address if \
             it comes later), for forward `{forward}` ({location})"
        )
    }
}

impl fmt::Display for ListenNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved(name) => name.fmt(f),
            Self::Conflict(conflict) => conflict.fmt(f),
        }
    }
}

impl Error for ListenNameError {}

/// Replaces the names in `listen` by their addresses, at a start. Blocks for at most [`LOOK_UP_LIMIT`].
///
/// # Errors
///
/// All names without an address, or all conflicts.
pub(crate) fn resolve_now(plan: &mut Plan) -> Result<(), Vec<ListenNameError>> {
    let names: Vec<String> = plan.names_to_listen_on().into_iter().collect();
    if names.is_empty() {
        return Ok(());
    }
    let answers = look_up_hosts_now(&names, LOOK_UP_LIMIT);
    let kept = apply(plan, names, answers, &ListenNames::new())?;
    debug_assert!(kept.is_empty(), "no address was known before");
    Ok(())
}

/// Like [`resolve_now`], at a reload of the plan `running`: a name without an address now keeps those that its
/// listeners have. Returns a sentence about each of these.
pub(crate) async fn resolve(
    plan: &mut Plan,
    running: &Plan,
) -> Result<Vec<String>, Vec<ListenNameError>> {
    let names: Vec<String> = plan.names_to_listen_on().into_iter().collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let answers = look_up_hosts(&names, LOOK_UP_LIMIT).await;
    apply(plan, names, answers, &running.listen_names)
}

fn apply(
    plan: &mut Plan,
    names: Vec<String>,
    answers: Vec<HostAnswer>,
    known: &ListenNames,
) -> Result<Vec<String>, Vec<ListenNameError>> {
    let (mut found, mut kept, mut failed) = (ListenNames::new(), Vec::new(), Vec::new());
    for (name, answer) in names.into_iter().zip(answers) {
        match (answer, known.get(&name)) {
            (Ok(addresses), _) => _ = found.insert(name, addresses),
            (Err(cause), Some(addresses)) => {
                kept.extend(unresolved(plan, &name, &cause));
                found.insert(name, addresses.clone());
            }
            (Err(cause), None) => failed.extend(unresolved(plan, &name, &cause)),
        }
    }
    if !failed.is_empty() {
        return Err(failed.into_iter().map(ListenNameError::Unresolved).collect());
    }
    let conflicts = plan.resolve_listeners(found);
    if !conflicts.is_empty() {
        return Err(conflicts.into_iter().map(ListenNameError::Conflict).collect());
    }
    Ok(kept.iter().map(|it| format!("{it}: its listeners stay as they are")).collect())
}

/// The first listener on a name of each forward that has one.
fn unresolved(plan: &Plan, name: &str, cause: &LookUpError) -> Vec<UnresolvedName> {
    let is_it = |address: &ListenAddress| matches!(address, ListenAddress::Name { host, .. } if host == name);
    let of_forward = |forward: &Arc<Forward>| {
        let route = forward.routes.iter().find(|route| is_it(&route.listen))?;
        Some(UnresolvedName {
            forward: forward.name.clone(),
            location: forward.location.to_string(),
            address: route.listen.clone(),
            cause: cause.clone(),
        })
    };
    plan.forwards.iter().filter_map(of_forward).collect()
}
