//! Other forwarders' configurations in, ours out: what can be converted as TOML, and a note for
//! all that cannot.
//!
//! Pure: text in, text out. A configuration that includes other files is given their texts by the
//! caller. Nothing here panics, whatever the text holds, and what it takes is bounded.

#![forbid(unsafe_code)]

// One module per forwarder, each with its own grammar.
mod haproxy;
mod nginx;
mod realm;
mod rinetd;
// What they share: from notes and sections to TOML that our own reader accepts.
mod known;
mod note;
mod ports;
mod route;
mod section;
mod toml;

pub use note::{Kind, Note, Place};

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// `rinetd.conf`.
    Rinetd,
    /// realm, in TOML or JSON.
    Realm,
    /// The `stream` block of nginx.
    Nginx,
    /// HAProxy, its proxies with `mode tcp`.
    Haproxy,
}

impl From {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rinetd, Self::Realm, Self::Nginx, Self::Haproxy];

    /// The word for it on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rinetd => "rinetd",
            Self::Realm => "realm",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }
}

/// A file and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name for places.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// Gives the files that an `include` names, in order, or says why it cannot.
pub type Include<'a> = dyn FnMut(&str) -> Result<Vec<Source>, String> + 'a;

/// What came out of it.
#[derive(Clone, Debug)]
pub struct Converted {
    /// Our configuration; the notes stand in it as comments. It holds no problem, unless it holds no
    /// forward at all.
    pub toml: String,
    /// How many forwards it holds, without those that are commented out.
    pub forwards: usize,
    /// What was left out or is different, in the order of the output.
    pub notes: Vec<Note>,
}

impl Converted {
    /// How many things were left out.
    pub fn left_out(&self) -> usize {
        self.notes.iter().filter(|note| note.kind == Kind::NotConverted).count()
    }
}

/// Converts a configuration. `include` is asked for the files that it includes.
pub fn convert(from: From, source: &Source, include: &mut Include<'_>) -> Converted {
    let config = match from {
        From::Rinetd => rinetd::convert(source),
        From::Realm => realm::convert(source),
        From::Nginx => nginx::convert(source, include),
        From::Haproxy => haproxy::convert(source),
    };
    toml::write(from, config)
}
