//! The description of a setting: key, kind and effect. The settings are the rows in `settings.rs`.

use std::time::Duration;

/// Where a setting may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// `[process]`
    Process,
    /// `[log]`
    Log,
    /// `[[forward]]` only.
    Forward,
    /// `[defaults]` and `[[forward]]`.
    ForwardDefaults,
    /// Inside the inline table that is the value of this key.
    Inside(&'static str),
}

/// The type and range of a setting's value.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A duration such as `"30s"`.
    Duration {
        /// The shortest one.
        min: Duration,
        /// The longest one.
        max: Duration,
        /// It must be a multiple of this: the kernel or our clock knows nothing finer.
        step: Duration,
    },
    /// A whole number.
    Count {
        /// The smallest one.
        min: u32,
        /// The largest one.
        max: u32,
    },
    /// An amount of bytes such as `"10MiB"`.
    Size {
        /// The smallest one, in bytes.
        min: u64,
        /// The largest one, in bytes.
        max: u64,
    },
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A forward's name.
    Name,
    /// An address to listen on.
    Listen,
    /// A target address.
    Target,
    /// The path of a file, with what the file is for.
    Path(Role),
    /// The name of a user or a group, or its number.
    Account,
    /// `"auto"`, `"off"`, a Unix socket, or a loopback address with a port.
    Admin,
    /// This word, or a value of the other kind. The field is an `Option`, in which the word is
    /// `None`.
    Or(&'static str, &'static Kind),
    /// One value of this kind, or a list of them.
    List(&'static Kind),
    /// An inline table with these settings.
    Table(&'static [Setting]),
}

/// What the file at a path is for. Each path of a plan has one role, and each file: see `paths.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The configuration file itself.
    Config,
    /// The log's file, and what it is rotated to.
    Log,
    /// The file with the token of an admin interface on a port.
    AdminToken,
    /// The Unix socket of the admin interface.
    AdminSocket,
    /// The Unix socket of a listener.
    Listener,
}

/// The scope of a changed value when a running process reloads its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// For the process, at once.
    AtOnce,
    /// For living sessions as for new ones.
    LivingSessions,
    /// For sessions that begin after the reload.
    NewSessions,
    /// None: the value identifies the forward, so another value is another forward.
    Identity,
    /// None until the process is restarted.
    Restart,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Where it may stand.
    pub section: Section,
    /// Its key.
    pub key: &'static str,
    /// The type and range of its value.
    pub kind: Kind,
    /// The scope of a changed value in a reload.
    pub effect: Effect,
    /// One sentence for the reference and the manual page.
    pub doc: &'static str,
    /// Renders the default as TOML.
    pub(crate) default: fn() -> Option<String>,
}

impl Setting {
    /// The default as it is written in TOML; `None` if the setting must be given or is derived.
    pub fn default(&self) -> Option<String> {
        (self.default)()
    }
}

impl Kind {
    /// The other kind of a [`Kind::Or`]; any other kind itself.
    pub(crate) fn without_word(self) -> Self {
        match self {
            Self::Or(_, kind) => *kind,
            kind => kind,
        }
    }

    /// The role of the file that a value names; `None` if a value names no file that this process
    /// opens or makes.
    pub(crate) fn role(self) -> Option<Role> {
        match self.without_word() {
            Self::Path(role) => Some(role),
            Self::Admin => Some(Role::AdminSocket),
            Self::Listen => Some(Role::Listener),
            Self::List(of) => of.role(),
            // The socket of a target is another process's, and connecting to it changes nothing.
            Self::Target
            | Self::Duration { .. }
            | Self::Count { .. }
            | Self::Size { .. }
            | Self::Bool
            | Self::Choice(_)
            | Self::Name
            | Self::Account
            | Self::Or(..)
            | Self::Table(_) => None,
        }
    }

    /// The word of [`Kind::Or`].
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Self::Or(word, _) => Some(word),
            _ => None,
        }
    }
}

impl Role {
    /// The file, as messages call it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Config => "the configuration file",
            Self::Log => "the log file",
            Self::AdminToken => "the token file",
            Self::AdminSocket => "the admin socket",
            Self::Listener => "the listener's socket",
        }
    }
}

impl Effect {
    /// The effect in the words of the documentation.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::AtOnce => "at once",
            Self::LivingSessions => "living sessions too",
            Self::NewSessions => "new sessions",
            Self::Identity => "another forward",
            Self::Restart => "restart",
        }
    }
}

impl Section {
    /// The header of the table in a file.
    pub fn header(self) -> &'static str {
        match self {
            Self::Process => "[process]",
            Self::Log => "[log]",
            Self::Forward => "[[forward]]",
            Self::ForwardDefaults => "[defaults]",
            Self::Inside(key) => key,
        }
    }
}
