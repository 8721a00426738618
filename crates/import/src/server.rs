//! The servers of a rule, as the targets of a forward.

/// One server that a rule forwards to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its address; a host alone where the port follows that of the client.
    pub(crate) address: String,
    /// Share of the sessions, as text of the other program.
    pub(crate) weight: Option<String>,
    pub(crate) is_backup: bool,
    /// Limit of sessions, as text of the other program.
    pub(crate) max_sessions: Option<String>,
    /// Version of the PROXY header that it gets.
    pub(crate) send_proxy: Option<&'static str>,
}

impl Server {
    pub(crate) fn at(address: impl Into<String>) -> Self {
        Self { address: address.into(), ..Self::default() }
    }

    /// The target as TOML: its address, or a table if it has options.
    fn written(&self) -> String {
        let address = plan::basic_string(&self.address);
        let weight = self.weight.iter().filter(|weight| *weight != "1");
        let entries = weight.map(|weight| format!("weight = {}", number(weight)));
        let entries = entries.chain(self.is_backup.then(|| "backup = true".to_owned()));
        let limit = self.max_sessions.iter();
        let entries = entries.chain(limit.map(|limit| format!("max_sessions = {}", number(limit))));
        let header = self.send_proxy.iter();
        let entries = entries.chain(header.map(|version| format!("send_proxy = \"{version}\"")));
        match entries.collect::<Vec<_>>().join(", ") {
            entries if entries.is_empty() => address,
            entries => format!("{{ address = {address}, {entries} }}"),
        }
    }
}

/// `to` with these targets: one, or a list with one on each line.
pub(crate) fn written(servers: &[Server]) -> String {
    match servers {
        [one] => one.written(),
        several => {
            let lines = several.iter().map(|server| format!("  {},", server.written()));
            format!("[\n{}\n]", lines.collect::<Vec<_>>().join("\n"))
        }
    }
}

/// The same for a table, which is one line of TOML.
pub(crate) fn in_one_line(servers: &[Server]) -> String {
    match servers {
        [one] => one.written(),
        several => {
            let servers: Vec<_> = several.iter().map(Server::written).collect();
            format!("[{}]", servers.join(", "))
        }
    }
}

/// A number as TOML. Our parser rejects other text.
pub(crate) fn number(text: &str) -> String {
    text.parse::<u32>().map_or_else(|_| plan::basic_string(text), |number| number.to_string())
}
