//! Users that may write to a file or in a directory, by its owner and mode.

use rustix::fs::{Mode, Stat, fstat};
use rustix::process::{getegid, geteuid};
use std::fmt;
use std::os::fd::AsFd;

/// Users, other than root and this one, that may write to a file, or create and rename files in a
/// directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// The owner, by user id. Without write permission an owner can still give it to itself.
    Owner(u32),
    /// The group, by group id.
    Group(u32),
    /// Every user of the host.
    Everyone,
}

impl fmt::Display for Writers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(owner) => write!(f, "the user with the id {owner}"),
            Self::Group(group) => write!(f, "the group with the id {group}"),
            Self::Everyone => f.write_str("every user"),
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

    fn has_group(self, group: u32) -> bool {
        group == 0 || group == self.group
    }
}

impl Writers {
    /// Users that may write to an open file.
    pub fn of(file: impl AsFd, trusted: TrustedAccount) -> std::io::Result<Option<Self>> {
        Ok(Self::by_stat(&fstat(file)?, trusted))
    }

    pub(crate) fn by_stat(stat: &Stat, trusted: TrustedAccount) -> Option<Self> {
        let mode = Mode::from_raw_mode(stat.st_mode);
        if mode.contains(Mode::WOTH) {
            Some(Self::Everyone)
        } else if !trusted.has_user(stat.st_uid) {
            Some(Self::Owner(stat.st_uid))
        } else if mode.contains(Mode::WGRP) && !trusted.has_group(stat.st_gid) {
            Some(Self::Group(stat.st_gid))
        } else {
            None
        }
    }
}
