//! The fleet that an instance belongs to: its store, and the directory of the last good text.

use std::path::PathBuf;

use crate::store_url::StoreUrl;

/// Files with the authorities that the host trusts, one for each family of Linux distributions. The first that exists
/// is used.
pub const HOST_AUTHORITIES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",   // older ones of both
    "/etc/ssl/ca-bundle.pem",             // openSUSE
    "/etc/ssl/cert.pem",                  // Alpine
];

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
    /// File of the authorities that sign the store's certificates, as PEM; `None` is the host's own set: the first of
    /// [`HOST_AUTHORITIES`] that exists.
    pub ca: Option<PathBuf>,
    /// Files of the client's certificate chain and of its private key, as PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

impl FleetStore {
    /// A store at this address, without a login.
    pub fn at(url: StoreUrl) -> Self {
        Self { url, user: None, ca: None, certificate: None }
    }
}
