//! The users and groups that own the files of Unix listeners.

use super::accounts::Accounts;
use super::error::AccountError;
use plan::{Forward, Location, Plan};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The owner or the group of a forward's Unix listeners does not exist.
#[derive(Clone, Debug)]
pub struct UnknownOwner {
    /// Name of the forward.
    pub forward: String,
    /// Location of the key in the configuration.
    pub location: Location,
    key: &'static str,
    account: String,
    cause: AccountError,
}

/// Looks up the accounts of `owner` and `group` of all forwards. Returns those that do not exist.
pub fn find_socket_owners(plan: &mut Plan) -> Vec<UnknownOwner> {
    let mut accounts = None;
    let mut unknown = Vec::new();
    let mut forwards = std::mem::take(&mut plan.forwards);
    for forward in &mut forwards {
        let (owner, group) = (forward.settings.owner.clone(), forward.settings.group.clone());
        if owner.is_none() && group.is_none() {
            continue;
        }
        let accounts = &*accounts.get_or_insert_with(Accounts::read);
        let owner = owner.map(|owner| {
            let number = accounts.user_number(&owner);
            number.map_err(|cause| UnknownOwner::new(plan, forward, "owner", owner, cause))
        });
        let group = group.map(|group| {
            let number = accounts.group(&group);
            number.map_err(|cause| UnknownOwner::new(plan, forward, "group", group, cause))
        });
        let mut found = |number: Option<Result<u32, UnknownOwner>>| match number? {
            Ok(number) => Some(number),
            Err(error) => {
                unknown.push(error);
                None
            }
        };
        let (owner, group) = (found(owner), found(group));
        let rights = &mut Arc::make_mut(forward).socket_rights;
        (rights.owner, rights.group) = (owner, group);
    }
    plan.forwards = forwards;
    unknown
}

impl UnknownOwner {
    fn new(
        plan: &Plan,
        forward: &Forward,
        key: &'static str,
        account: String,
        cause: AccountError,
    ) -> Self {
        let location = plan::setting_location(plan, forward, key);
        let location = location.unwrap_or_else(|| forward.location.clone());
        Self { forward: forward.name.clone(), location, key, account, cause }
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> String {
        let Self { forward, key, account, cause, .. } = self;
        let cause = match cause {
            // It names the group itself.
            AccountError::NoGroup(_) => AccountError::NO_GROUP.to_owned(),
            cause => cause.to_string(),
        };
        format!("`{key}` is `{account}`: {cause}, for forward `{forward}`")
    }
}

impl fmt::Display for UnknownOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message(), self.location)
    }
}

impl Error for UnknownOwner {}
