//! What the servers of a `stream` refer to by name: `upstream`, `map` and `limit_conn_zone`.

use std::collections::{HashMap, HashSet};

use super::limit_conn::Zones;
use super::preread::Map;
use super::words::Directive;

/// The definitions.
#[derive(Default)]
pub(super) struct Common {
    pub(super) upstreams: HashMap<String, Vec<Directive>>,
    /// The `map` blocks, by their variables.
    pub(super) maps: HashMap<String, Map>,
    pub(super) zones: Zones,
    /// How many servers pass to each upstream.
    uses: HashMap<String, usize>,
}

impl Common {
    /// Counts what a server refers to.
    pub(super) fn count(&mut self, directives: &[&Directive]) {
        self.zones.count(directives);
        for pass in directives.iter().filter(|directive| directive.name() == "proxy_pass") {
            let mapped = self.map(pass.argument()).into_iter().flat_map(Map::values);
            let names: HashSet<_> = mapped.chain([pass.argument()]).map(str::to_owned).collect();
            for name in names {
                *self.uses.entry(name).or_default() += 1;
            }
        }
    }

    /// An `upstream` block, and whether several servers pass to it.
    pub(super) fn upstream(&self, name: &str) -> Option<(&[Directive], bool)> {
        let block = self.upstreams.get(name)?;
        Some((block, self.uses.get(name).is_some_and(|uses| *uses > 1)))
    }

    /// The `map` of a variable, `$NAME` or `${NAME}`.
    pub(super) fn map(&self, text: &str) -> Option<&Map> {
        let name = text.strip_prefix('$')?;
        let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
        self.maps.get(&format!("${name}"))
    }
}
