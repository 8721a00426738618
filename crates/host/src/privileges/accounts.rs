//! Users and groups of the host, from `/etc/passwd` and `/etc/group` (passwd(5), group(5)).
//!
//! The C library is not used: its other sources, such as a directory service, need plugins that a
//! static binary cannot load and that may start threads. Accounts of such a source are configured by
//! number.

use super::error::AccountError;
use std::fs::read;
use sys::Identity;

/// Contents of both files; empty if a file cannot be read.
pub(super) struct Accounts {
    passwd: String,
    group: String,
}

impl Accounts {
    pub(super) fn read() -> Self {
        // A container image may have neither file: then only numbers work.
        let text = |path| String::from_utf8_lossy(&read(path).unwrap_or_default()).into_owned();
        Self { passwd: text("/etc/passwd"), group: text("/etc/group") }
    }

    /// Finds a user by name or number. `group` overrides its primary group; supplementary groups are
    /// those that list it as a member.
    pub(super) fn find(&self, user: &str, group: Option<&str>) -> Result<Identity, AccountError> {
        let (entry, number) = (self.user(user), self.user_number(user)?);
        let group = match (group, entry) {
            (Some(group), _) => self.group(group)?,
            (None, Some(entry)) => entry.group,
            (None, None) => return Err(AccountError::GroupUnknown),
        };
        let groups = entry.map_or_else(Vec::new, |entry| self.groups_of(entry.name));
        Ok(Identity { user: number, group, groups })
    }

    /// The number of a user, by name or number.
    pub(super) fn user_number(&self, user: &str) -> Result<u32, AccountError> {
        let number = self.user(user).map(|entry| entry.number).or_else(|| user.parse().ok());
        number.ok_or(AccountError::NoUser)
    }

    /// The name of the user with this number.
    pub(super) fn name_of(&self, number: u32) -> Option<&str> {
        let mut users = self.passwd.lines().filter_map(User::read);
        users.find(|entry| entry.number == number).map(|entry| entry.name)
    }

    /// A name takes precedence, since it may look like a number.
    fn user(&self, user: &str) -> Option<User<'_>> {
        let users = || self.passwd.lines().filter_map(User::read);
        let number = user.parse();
        let named = users().find(|entry| entry.name == user);
        named.or_else(|| users().find(|entry| number == Ok(entry.number)))
    }

    /// The number of a group, by name or number.
    pub(super) fn group(&self, group: &str) -> Result<u32, AccountError> {
        let named = self.group_entries().find(|(name, ..)| *name == group);
        let number = named.map(|(_, number, _)| number).or_else(|| group.parse().ok());
        number.ok_or_else(|| AccountError::NoGroup(group.to_owned()))
    }

    /// Name of the group with this number.
    pub(super) fn group_name(&self, number: u32) -> Option<&str> {
        self.group_entries().find(|(_, group, _)| *group == number).map(|(name, ..)| name)
    }

    /// Whether the files make a user a member of a group, both by number.
    pub(super) fn is_member(&self, user: u32, group: u32) -> bool {
        let entry = self.name_of(user).and_then(|name| self.user(name));
        entry.is_some_and(|it| it.group == group || self.groups_of(it.name).contains(&group))
    }

    fn groups_of(&self, user: &str) -> Vec<u32> {
        let is_in = |members: &str| members.split(',').any(|member| member == user);
        let groups = self.group_entries().filter(|(_, _, members)| is_in(members));
        groups.map(|(_, number, _)| number).collect()
    }

    /// Name, number and members of each group.
    fn group_entries(&self) -> impl Iterator<Item = (&str, u32, &str)> {
        self.group.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
            Some((name, number.parse().ok()?, fields.next()?))
        })
    }
}

/// A line of `/etc/passwd`.
#[derive(Clone, Copy)]
struct User<'a> {
    name: &'a str,
    number: u32,
    group: u32,
}

impl<'a> User<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut fields = line.split(':');
        let (name, _) = (fields.next()?, fields.next()?);
        let (number, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self { name, number, group })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n# no user\nweb:x:33:34::/:/bin/false\n\
                      77:x:78:79::/:/bin/false\n";
        let group = "root:x:0:\nweb:x:34:\nssl:x:50:adm,web\nlog:x:51:web\nnearly:x:52:webby\n";
        Accounts { passwd: passwd.to_owned(), group: group.to_owned() }
    }

    fn identity(user: u32, group: u32, groups: &[u32]) -> Identity {
        Identity { user, group, groups: groups.to_vec() }
    }

    #[test]
    fn users_and_groups_are_found_by_name_or_number() {
        let find = |user, group| accounts().find(user, group).unwrap();
        assert_eq!(find("web", None), identity(33, 34, &[50, 51]));
        assert_eq!(find("33", None), identity(33, 34, &[50, 51]));
        assert_eq!(find("web", Some("log")), identity(33, 51, &[50, 51]));
        assert_eq!(find("77", None), identity(78, 79, &[]), "a name comes before a number");
        assert_eq!(find("65532", Some("65533")), identity(65532, 65533, &[]));
    }

    #[test]
    fn members_of_a_group_are_found_by_number() {
        let accounts = accounts();
        assert_eq!((accounts.group_name(50), accounts.group_name(53)), (Some("ssl"), None));
        assert!(accounts.is_member(33, 50) && accounts.is_member(33, 34));
        assert!(!accounts.is_member(33, 52) && !accounts.is_member(32, 50));
    }

    #[test]
    fn an_unknown_user_or_group_is_an_error_with_its_name() {
        let fault = |user, group| accounts().find(user, group).unwrap_err().to_string();
        assert!(fault("we", None).contains("no such user in /etc/passwd"));
        assert!(fault("65532", None).contains("name it with `group`"));
        assert!(fault("web", Some("nobody")).contains("group `nobody`: there is no such group"));
        assert!(fault("-1", Some("4294967296")).contains("no such user"));
    }
}
