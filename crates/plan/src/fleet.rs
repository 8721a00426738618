//! The `[fleet]` table: where the published configuration comes from.

use std::fmt;
use std::path::PathBuf;

/// The fleet that this machine belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// The store.
    pub store: FleetStore,
    /// The name of this instance: unique in the fleet. `None` is the host's name.
    pub name: Option<String>,
    /// The directory of the last good text; absolute.
    pub keep: PathBuf,
}

/// Address of a store, and how to log in to it. The files are read at each use, so they may be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetStore {
    /// The address.
    pub url: StoreUrl,
    /// The store's user, and the file with its password.
    pub user: Option<(String, PathBuf)>,
    /// File of the authorities that sign the store's certificates, as PEM; `None` is the host's own set.
    pub ca: Option<PathBuf>,
    /// Files of the client's certificate chain and of its private key, as PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// `etcd://HOST:PORT,.../PREFIX`, or `etcds://` for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreUrl {
    /// Whether connections are encrypted.
    pub tls: bool,
    /// `HOST:PORT` of each member; at least one.
    pub endpoints: Vec<String>,
    /// Start of the fleet's keys: begins with a slash, and does not end with one.
    pub prefix: String,
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "etcds" } else { "etcd" };
        write!(f, "{scheme}://{}{}", self.endpoints.join(","), self.prefix)
    }
}
