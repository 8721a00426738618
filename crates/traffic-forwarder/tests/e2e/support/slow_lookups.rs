//! Look-ups that take until a test lets them go.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use tempfile::TempDir;
use testkit::{ForwarderBuilder, LIMIT, NameReply, NameServer, run};

use super::hosts::with_names;

/// A name server that does not answer until [`Self::let_go`]. In a program that asks the C library, a
/// pipe without a writer, which the library reads first, does the same (`RESOLV_HOST_CONF`, host.conf(5)).
pub(crate) struct SlowLookups {
    dir: TempDir,
    server: NameServer,
}

impl SlowLookups {
    /// The name whose look-up takes so long. Its address is 127.0.0.1.
    pub(crate) const NAME: &'static str = "slow.test";

    pub(crate) fn new() -> Self {
        let lookups = Self { dir: TempDir::new().unwrap(), server: NameServer::start() };
        run(Command::new("mkfifo").arg(lookups.dir.path().join("host.conf")), LIMIT).success();
        lookups.server.set_all(Some(NameReply::Silent));
        lookups.server.configure(lookups.dir.path(), "options timeout:30");
        lookups
    }

    /// A forwarder that asks this server.
    pub(crate) fn forwarder(&self, binary: impl AsRef<OsStr>) -> ForwarderBuilder {
        let path = self.dir.path().join("host.conf");
        with_names(self.dir.path(), binary).env("RESOLV_HOST_CONF", path)
    }

    pub(crate) fn let_go(&self) {
        let addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        self.server.set_all(Some(NameReply::Addresses(addresses, 60)));
    }
}
