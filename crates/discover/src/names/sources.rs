//! The `hosts` line of nsswitch.conf(5): where names are looked up, and in which order.

/// Sources that know no more names than the hosts file, DNS and this host's own names.
const PLAIN: [&str; 5] = ["files", "dns", "resolve", "myhostname", "mymachines"];

/// The sources of host names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sources {
    /// The hosts file.
    pub(crate) files: bool,
    /// Name servers, also by way of systemd-resolved.
    pub(crate) dns: bool,
    /// Names that only a module of the C library can know.
    pub(crate) modules: Modules,
}

/// Which names the C library's modules decide, and when they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Modules {
    /// There are none.
    None,
    /// After DNS does not know a name.
    Last,
    /// As `Last`; for names that end in `.local`, in place of DNS (RFC 6762).
    Local,
    /// Before DNS, for all names that the hosts file does not have.
    First,
}

impl Sources {
    /// Of a static program, and without the file or the line.
    pub(crate) const FILES_AND_DNS: Self = Self { files: true, dns: true, modules: Modules::None };

    /// Reads the text of the file. Actions such as `[NOTFOUND=return]` do not matter: the order here is
    /// that of the guarantee, the hosts file first and modules for what is left.
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.lines().map(|line| line.split_once('#').map_or(line, |(it, _)| it));
        let mut hosts = lines.filter_map(|line| line.trim_start().strip_prefix("hosts:"));
        let Some(line) = hosts.next_back() else { return Self::FILES_AND_DNS };
        let words = without_actions(line);
        let words: Vec<&str> = words.split_whitespace().collect();
        let others = || words.iter().filter(|word| !PLAIN.contains(word));
        let modules = if others().any(|word| !word.starts_with("mdns")) {
            Modules::First
        } else if others().next().is_some() {
            Modules::Local
        } else if words.iter().any(|word| !matches!(*word, "files" | "dns")) {
            Modules::Last
        } else {
            Modules::None
        };
        let has = |word| words.contains(&word);
        Self { files: has("files"), dns: has("dns") || has("resolve"), modules }
    }

    /// Whether a module may know what DNS does not.
    pub(crate) fn has_modules(self) -> bool {
        self.modules != Modules::None
    }

    /// Whether a module decides this name in place of DNS.
    pub(crate) fn modules_decide(self, host: &str) -> bool {
        let is_local = || host.trim_end_matches('.').to_ascii_lowercase().ends_with(".local");
        match self.modules {
            Modules::None | Modules::Last => !self.dns && self.modules == Modules::Last,
            Modules::Local => !self.dns || is_local(),
            Modules::First => true,
        }
    }
}

/// The line without `[STATUS=action ...]`.
fn without_actions(line: &str) -> String {
    let mut depth = false;
    let outside = line.chars().filter_map(|letter| {
        match letter {
            '[' => depth = true,
            ']' => {
                depth = false;
                return Some(' ');
            }
            _ => {}
        }
        (!depth).then_some(letter)
    });
    outside.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (bool, bool, Modules) {
        let Sources { files, dns, modules } = Sources::read(&format!("passwd: files\n{line}\n"));
        (files, dns, modules)
    }

    #[test]
    fn common_lines_are_understood() {
        assert_eq!(read(""), (true, true, Modules::None));
        assert_eq!(read("hosts: files"), (true, false, Modules::None));
        assert_eq!(read("hosts:\tfiles dns # as ever"), (true, true, Modules::None));
        assert_eq!(read("hosts: dns [!UNAVAIL=return] files"), (true, true, Modules::None));
        let systemd = "hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns";
        assert_eq!(read(systemd), (true, true, Modules::Last));
        let avahi = "hosts: files mdns4_minimal [NOTFOUND=return] dns";
        assert_eq!(read(avahi), (true, true, Modules::Local));
        assert_eq!(read("hosts: files ldap dns"), (true, true, Modules::First));
        assert_eq!(read("hosts: ldap[NOTFOUND=return]dns"), (false, true, Modules::First));
        assert_eq!(read("hosts: files myhostname"), (true, false, Modules::Last));
    }

    #[test]
    fn modules_decide_names_that_are_theirs() {
        let decides = |line, host| Sources::read(line).modules_decide(host);
        assert!(!decides("hosts: files dns", "db.local"));
        assert!(!decides("hosts: files myhostname dns", "db.local"));
        assert!(decides("hosts: files myhostname", "db"));
        assert!(decides("hosts: files mdns dns", "DB.Local."));
        assert!(!decides("hosts: files mdns dns", "db.test"));
        assert!(decides("hosts: files mdns", "db.test"));
        assert!(decides("hosts: files ldap dns", "db.test"));
    }
}
