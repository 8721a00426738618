//! The settings of `[fleet]`, one row each, and the fleet that they describe.

use std::path::PathBuf;

use crate::fleet::{Fleet, FleetStore};
use crate::setting::{Content, Kind, Role, Section};
use crate::store_url::StoreUrl;
use crate::table::{Table as _, rows};

/// The keys of the table as written. Each field is a setting with a row in `settings.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FleetTable {
    pub(crate) from: Option<StoreUrl>,
    pub(crate) name: Option<String>,
    pub(crate) keep: PathBuf,
    pub(crate) user: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

rows! { Section::Fleet, FleetTable {
    /// Where the published configuration is: the members of an etcd cluster, and the start of the fleet's keys.
    from = None, Kind::StoreUrl => AtOnce;

    /// Name of this instance, unique in the fleet; by default that of the host.
    name = None, Kind::Text(Content::Instance) => Restart;

    /// The directory of the last good published text, from which the process starts while the store is away.
    keep = PathBuf::from("/var/lib/traffic-forwarder"), Kind::Path(Role::Keep) => Restart;

    /// The store's user.
    user = None, Kind::Text(Content::StoreUser) => AtOnce;

    /// The file with the password of `user`; read at each login.
    password_file = None, Kind::Path(Role::StorePassword) => AtOnce;

    /// The file of the authorities that sign the store's certificates; by default those of the host.
    ca = None, Kind::Path(Role::StoreCa) => AtOnce;

    /// The file of the certificate that the store asks for, with its chain.
    certificate = None, Kind::Path(Role::StoreCertificate) => AtOnce;

    /// The file of the private key of `certificate`.
    key = None, Kind::Path(Role::StoreKey) => AtOnce;
} }

impl FleetTable {
    /// The keys that describe `fleet`.
    pub(crate) fn of(fleet: &Fleet) -> Self {
        let Fleet { store, name, keep } = fleet;
        let (user, password_file) = store.user.clone().unzip();
        let (certificate, key) = store.certificate.clone().unzip();
        Self {
            from: Some(store.url.clone()),
            name: name.clone(),
            keep: keep.clone(),
            user,
            password_file,
            ca: store.ca.clone(),
            certificate,
            key,
        }
    }

    /// `None` without an address, which has been reported.
    pub(crate) fn into_fleet(self) -> Option<Fleet> {
        let store = FleetStore {
            url: self.from?,
            user: self.user.zip(self.password_file),
            ca: self.ca,
            certificate: self.certificate.zip(self.key),
        };
        Some(Fleet { store, name: self.name, keep: self.keep })
    }

    /// The keys of `fleet` with the values that differ from their defaults, as lines of TOML.
    pub(crate) fn lines(fleet: &Fleet) -> String {
        let table = Self::of(fleet);
        let lines = Self::SETTINGS.iter().filter_map(|setting| {
            let text = table.written(setting)?;
            (Some(&text) != setting.default().as_ref())
                .then(|| format!("{} = {text}\n", setting.key))
        });
        lines.collect()
    }
}
