//! A forwarder with an admin socket.

use std::ops::Deref;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Addr, Forwarder, ForwarderBuilder, Http, LIMIT, wait_until};

use super::Config;

/// A running forwarder with a client of its admin interface.
pub(crate) struct Operated {
    forwarder: Forwarder,
    dir: TempDir,
    pub(crate) http: Http,
}

impl Operated {
    #[track_caller]
    pub(crate) fn start(config: Config) -> Self {
        Self::start_with(config, |builder| builder)
    }

    /// From a builder with further arguments or environment.
    #[track_caller]
    pub(crate) fn start_with(
        config: Config,
        prepare: impl FnOnce(ForwarderBuilder) -> ForwarderBuilder,
    ) -> Self {
        Self::start_from(prepare(super::forwarder()), config)
    }

    /// From a builder and a configuration.
    #[track_caller]
    pub(crate) fn start_from(builder: ForwarderBuilder, config: Config) -> Self {
        let operated = Self::start_unready(builder, config);
        operated.forwarder.ready();
        operated
    }

    /// Does not wait until the process is ready: its log may be elsewhere.
    pub(crate) fn start_unready(builder: ForwarderBuilder, config: Config) -> Self {
        let dir = TempDir::new().unwrap();
        let socket = dir.path().join("admin.sock");
        let forwarder = builder.config(at(&dir, config).text()).start();
        Self { forwarder, http: Http::new(socket), dir }
    }

    pub(crate) fn socket(&self) -> Addr {
        self.dir.path().join("admin.sock").into()
    }

    /// Replaces the configuration file.
    pub(crate) fn write(&self, config: Config) {
        self.forwarder.write_config(&at(&self.dir, config).text());
    }

    /// Replaces the configuration file and reloads it.
    #[track_caller]
    pub(crate) fn reload(&self, config: Config) -> Value {
        self.write(config);
        self.http.post("/v1/reload").success().json()
    }

    #[track_caller]
    pub(crate) fn sessions(&self) -> Vec<Value> {
        self.http.json("/v1/sessions")["sessions"].as_array().unwrap().clone()
    }

    #[track_caller]
    pub(crate) fn wait_for_sessions(&self, count: usize) -> Vec<Value> {
        wait_until(&format!("{count} sessions"), LIMIT, || self.sessions().len() == count);
        self.sessions()
    }

    /// The value of this metric, which is named with its labels.
    pub(crate) fn metric(&self, name: &str) -> String {
        let text = self.http.get("/metrics").body;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        line.unwrap_or("absent").to_owned()
    }

    /// The generation of the running configuration.
    #[track_caller]
    pub(crate) fn generation(&self) -> u64 {
        self.http.json("/v1/status")["generation"].as_u64().unwrap()
    }
}

fn at(dir: &TempDir, config: Config) -> Config {
    config.admin(&format!("unix:{}/admin.sock", dir.path().display()))
}

impl Deref for Operated {
    type Target = Forwarder;

    fn deref(&self) -> &Forwarder {
        &self.forwarder
    }
}
