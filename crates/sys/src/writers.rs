//! Users that may write to a file or in a directory, by its owner, its mode and its access control list.

use crate::file_access::{Grant, Grantee, grants_by_stat};
use rustix::fs::{Stat, fstat};
use rustix::process::{getegid, geteuid};
use std::fmt;
use std::os::fd::AsFd;

/// Users, other than root and this one, that may write to a file, or create and rename files in a
/// directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// The owner, by user id. Without write permission an owner can still give it to itself.
    Owner(u32),
    /// Those to which mode or list give the permission.
    Granted(Grantee),
}

impl fmt::Display for Writers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(owner) => write!(f, "the user with the id {owner}"),
            Self::Granted(grantee) => grantee.fmt(f),
        }
    }
}

/// A user and a group that may write, beside root and its group.
#[derive(Clone, Copy, Debug)]
pub struct TrustedAccount {
    /// By user id.
    pub user: u32,
    /// By group id.
    pub group: u32,
}

impl TrustedAccount {
    /// The effective user and group of this process.
    pub fn of_process() -> Self {
        Self { user: geteuid().as_raw(), group: getegid().as_raw() }
    }

    pub(crate) fn has_user(self, user: u32) -> bool {
        user == 0 || user == self.user
    }

    fn has(self, grantee: Grantee) -> bool {
        match grantee {
            Grantee::NamedUser(user) => self.has_user(user),
            Grantee::Group(group) | Grantee::NamedGroup(group) => group == 0 || group == self.group,
            Grantee::Everyone => false,
        }
    }
}

impl Writers {
    /// Users that may write to an open file.
    pub fn of(file: impl AsFd, trusted: TrustedAccount) -> std::io::Result<Option<Self>> {
        Ok(Self::by_stat(&file, &fstat(&file)?, trusted))
    }

    /// The first of: every user, the owner, other users and groups.
    pub(crate) fn by_stat(file: &impl AsFd, stat: &Stat, trusted: TrustedAccount) -> Option<Self> {
        let grants = grants_by_stat(file, stat);
        let writers =
            grants.iter().filter(|grant| grant.is_to_write() && !trusted.has(grant.grantee));
        let mut granted = writers.map(|Grant { grantee, .. }| Self::Granted(*grantee)).peekable();
        let owner = (!trusted.has_user(stat.st_uid)).then_some(Self::Owner(stat.st_uid));
        let to_every_user = granted.next_if_eq(&Self::Granted(Grantee::Everyone));
        to_every_user.or(owner).or_else(|| granted.next())
    }
}
