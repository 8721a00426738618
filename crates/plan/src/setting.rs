//! Description of a setting: key, kind and effect. The rows are in `settings.rs`.

use std::time::Duration;

use crate::release::Release;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Ten years: longer than any process runs, and far from overflowing a clock.
pub(crate) const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

/// A duration that is not zero.
pub(crate) const TIMEOUT: Kind =
    Kind::Duration { min: MILLISECOND, max: LONGEST, step: MILLISECOND };

/// Tables in which a setting is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// `[process]`
    Process,
    /// `[log]`
    Log,
    /// `[fleet]`
    Fleet,
    /// `[[forward]]` only.
    Forward,
    /// `[defaults]` and `[[forward]]`.
    ForwardDefaults,
    /// An inline table, by its key.
    Inside(&'static str),
}

/// The type and range of a setting's value.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A duration, such as `"30s"`.
    Duration {
        /// Shortest allowed duration.
        min: Duration,
        /// Longest allowed duration.
        max: Duration,
        /// The duration must be a multiple of this, the resolution of the kernel or of our timers.
        step: Duration,
    },
    /// A whole number.
    Count {
        /// Smallest allowed number.
        min: u32,
        /// Largest allowed number.
        max: u32,
    },
    /// A size in bytes, such as `"10MiB"`.
    Size {
        /// Smallest allowed size, in bytes.
        min: u64,
        /// Largest allowed size, in bytes.
        max: u64,
    },
    /// `true` or `false`.
    Bool,
    /// One of a fixed set of words.
    Choice(&'static [&'static str]),
    /// Name of a forward.
    Name,
    /// A listen address, which may have a range of ports.
    Listen,
    /// The address of a target, which may have a range of ports.
    TargetAddress,
    /// A target: its address alone, or a table with these settings, of which `address` is required.
    Target(&'static [&'static [Setting]]),
    /// A prefix of addresses, an address, or `file:` and the path of a file of them. A list of these may be empty.
    Prefix,
    /// A prefix of addresses, an address, or `"unix"` for the clients of Unix listeners.
    TrustedPeer,
    /// An address of this host, or a range of them. A list of these may be empty.
    Source,
    /// A server name, or `*.` and a domain.
    ServerName,
    /// A route: a table with these settings, of which `to` and one of the others are required.
    Route(&'static [Setting]),
    /// A prefix of addresses, or an address.
    Network,
    /// A fair share: a decimal number above zero.
    Share,
    /// A number per unit of time, such as `"20/s"`.
    PerTime,
    /// Bytes per second, such as `"10MiB/s"`.
    ByteRate {
        /// Smallest allowed rate, in bytes per second.
        min: u64,
        /// Largest allowed rate, in bytes per second.
        max: u64,
    },
    /// The lengths of an IPv4 and an IPv6 prefix, such as `[32, 64]`.
    PrefixLengths,
    /// A path, with the role of the file or directory.
    Path(Role),
    /// Name or number of a user or group.
    Account,
    /// Permission bits of a file, such as `"0660"`.
    Mode,
    /// `"auto"`, `"off"`, a Unix socket, or a loopback address with a port.
    Admin,
    /// An address with a port, or `":9180"` for the port of every address.
    Metrics,
    /// This word, or a value of the other kind. The field is an `Option`; the word is its `None`.
    Or(&'static str, &'static Kind),
    /// One value of this kind, or a list of values.
    List(&'static Kind),
    /// An inline table with these settings.
    Table(&'static [Setting]),
    /// An inline table with these settings, or one of these keys as a word, for the table in which that key is
    /// `true`.
    KeyOrTable(&'static [&'static str], &'static [Setting]),
    /// Text that is used as it is.
    Text(Content),
    /// An HTTP status, or a range of them, such as `"200-399"`.
    Statuses,
    /// The address of a fleet's store, such as `"etcd://10.0.0.1:2379/edge"`.
    StoreUrl,
}

/// What a text is used for, which says what it may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The target of an HTTP request, from `/` on.
    HttpPath,
    /// A host, and possibly a port.
    Host,
    /// A name in the kernel: of an interface, or of an algorithm.
    Name,
    /// Bytes of a stream.
    Bytes,
    /// Name of a protocol in TLS (ALPN).
    Protocol,
    /// Name of an instance of a fleet.
    Instance,
    /// Name of a user of a store.
    StoreUser,
}

/// Role of the file at a path. A plan gives each file at most one role: see `paths.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The configuration file itself.
    Config,
    /// The log file and its rotated files.
    Log,
    /// The file with the admin token.
    AdminToken,
    /// Unix socket of the admin interface.
    AdminSocket,
    /// Unix socket of a forward's listener.
    Listener,
    /// A file of prefixes. Several lists may name it.
    Prefixes,
    /// The directory of the last good published text.
    Keep,
    /// The file with the password of a store's user.
    StorePassword,
    /// The authorities that sign a store's certificates.
    StoreCa,
    /// The certificate that a store asks for.
    StoreCertificate,
    /// The private key of that certificate.
    StoreKey,
}

/// Which sessions a changed value applies to after a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// To the whole process, immediately.
    AtOnce,
    /// To open and new sessions.
    LivingSessions,
    /// To sessions that start after the reload.
    NewSessions,
    /// To none: the setting identifies the forward, so a change makes it another forward.
    Identity,
    /// To none until the process is restarted.
    Restart,
}

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Tables in which it is allowed.
    pub section: Section,
    /// The key as written in the file.
    pub key: &'static str,
    /// Type and range of the value.
    pub kind: Kind,
    /// Effect of a change in a reload.
    pub effect: Effect,
    /// One sentence for the reference and the manual page.
    pub doc: &'static str,
    /// The first version that has it, for published texts.
    pub since: Release,
    /// Renders the default value as TOML.
    pub(crate) default: fn() -> Option<String>,
}

impl Setting {
    /// The default value as TOML; `None` if the setting is required or its default is derived.
    pub fn default(&self) -> Option<String> {
        (self.default)()
    }
}

impl Kind {
    /// The inner kind of [`Kind::Or`]; any other kind unchanged.
    pub(crate) fn without_word(self) -> Self {
        match self {
            Self::Or(_, kind) => *kind,
            kind => kind,
        }
    }

    /// The role of the file that a value names; `None` if this process neither opens nor creates
    /// such a file.
    pub(crate) fn role(self) -> Option<Role> {
        match self.without_word() {
            Self::Path(role) => Some(role),
            Self::Admin => Some(Role::AdminSocket),
            Self::Listen => Some(Role::Listener),
            Self::Prefix => Some(Role::Prefixes),
            Self::List(of) => of.role(),
            // A target's socket belongs to another process, and connecting to it changes nothing.
            Self::TargetAddress
            | Self::Target(_)
            | Self::Duration { .. }
            | Self::Count { .. }
            | Self::Size { .. }
            | Self::Bool
            | Self::Choice(_)
            | Self::Name
            | Self::Account
            | Self::Mode
            | Self::Metrics
            | Self::Or(..)
            | Self::Text(_)
            | Self::Statuses
            | Self::StoreUrl
            | Self::TrustedPeer
            | Self::Source
            | Self::ServerName
            | Self::Route(_)
            | Self::Network
            | Self::Share
            | Self::PerTime
            | Self::ByteRate { .. }
            | Self::PrefixLengths
            | Self::KeyOrTable(..)
            | Self::Table(_) => None,
        }
    }

    /// The settings of the inline table that a value may be, or may have in its list.
    pub(crate) fn inner(self) -> Vec<&'static [Setting]> {
        match self.without_word() {
            Self::Table(settings) | Self::KeyOrTable(_, settings) | Self::Route(settings) => {
                vec![settings]
            }
            Self::Target(tables) => tables.to_vec(),
            Self::List(of) => of.inner(),
            _ => Vec::new(),
        }
    }

    /// The word of [`Kind::Or`], if this is one.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Self::Or(word, _) => Some(word),
            _ => None,
        }
    }
}

impl Role {
    /// The file as a noun in messages.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Config => "the configuration file",
            Self::Log => "the log file",
            Self::AdminToken => "the token file",
            Self::AdminSocket => "the admin socket",
            Self::Listener => "the listener's socket",
            Self::Prefixes => "the prefix file",
            Self::Keep => "the directory of `keep`",
            Self::StorePassword => "the password file",
            Self::StoreCa => "the file of authorities",
            Self::StoreCertificate => "the certificate",
            Self::StoreKey => "the private key",
        }
    }

    /// Whether the path is that of a directory.
    pub(crate) fn is_directory(self) -> bool {
        self == Self::Keep
    }

    /// Whether a relative path is an error: commands read the table in other directories than the process.
    pub(crate) fn is_absolute(self) -> bool {
        self == Self::Keep || self == Self::StorePassword || self.is_of_tls()
    }

    /// Whether the file is for TLS towards a store. One PEM file may be all of them, and is only read.
    pub(crate) fn is_of_tls(self) -> bool {
        matches!(self, Self::StoreCa | Self::StoreCertificate | Self::StoreKey)
    }
}

impl Effect {
    /// The effect as the documentation words it.
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
    /// Header of the table in a file; the key for an inline table.
    pub fn header(self) -> &'static str {
        match self {
            Self::Process => "[process]",
            Self::Log => "[log]",
            Self::Fleet => "[fleet]",
            Self::Forward => "[[forward]]",
            Self::ForwardDefaults => "[defaults]",
            Self::Inside(key) => key,
        }
    }
}
