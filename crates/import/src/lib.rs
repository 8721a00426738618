//! Converts configurations of other forwarders to ours: TOML for the settings that have a
//! counterpart, and a note for each of the others.
//!
//! Pure: text in, text out. The caller provides the texts of included files. Nothing here panics on
//! input, and the input size is bounded.

#![forbid(unsafe_code)]

// One module per dialect.
mod access;
mod haproxy;
mod nginx;
mod realm;
mod rinetd;
// Shared: from sections and notes to TOML that our parser accepts.
mod common_notes;
mod copies;
mod grouped_notes;
mod known;
mod note;
mod ports;
mod route;
mod section;
mod server;
mod toml;

pub use note::{Note, NoteKind, SourcePlace};

/// Format of the foreign configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// rinetd (`rinetd.conf`).
    Rinetd,
    /// realm, in TOML or JSON.
    Realm,
    /// The `stream` block of nginx.
    Nginx,
    /// HAProxy, its proxies in `mode tcp`.
    Haproxy,
}

impl Dialect {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Rinetd, Self::Realm, Self::Nginx, Self::Haproxy];

    /// Name of the format on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rinetd => "rinetd",
            Self::Realm => "realm",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }
}

/// A file name with the file's text.
#[derive(Clone, Debug)]
pub struct Source {
    /// File name for messages.
    pub name: String,
    /// Contents of the file.
    pub text: String,
}

/// Callback that returns the files matched by an `include`, in order. The error becomes part of a note.
pub type Include<'a> = dyn FnMut(&str) -> Result<Vec<Source>, Box<dyn std::error::Error>> + 'a;

/// Result of a conversion.
#[derive(Clone, Debug)]
pub struct Converted {
    /// Our configuration, with the notes as comments. It is valid, unless it has no forward at all.
    pub toml: String,
    /// Number of active forwards.
    pub forwards: usize,
    /// Number of forwards that are written as comments.
    pub commented_out: usize,
    /// Notes, merged by message, the most important first.
    pub notes: Vec<Note>,
}

impl Converted {
    /// Number of omitted settings.
    pub fn left_out(&self) -> usize {
        toml::left_out(&self.notes)
    }
}

/// Converts a configuration. `include` provides the files that it includes.
pub fn convert(from: Dialect, source: &Source, include: &mut Include<'_>) -> Converted {
    let config = match from {
        Dialect::Rinetd => rinetd::convert(source),
        Dialect::Realm => realm::convert(source),
        Dialect::Nginx => nginx::convert(source, include),
        Dialect::Haproxy => haproxy::convert(source, include),
    };
    toml::write(from, config)
}
