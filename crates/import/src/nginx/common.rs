//! What the servers of a `stream` refer to by name: `upstream`, `map` and `limit_conn_zone`.

use std::collections::{HashMap, HashSet};

use super::limit_conn::Zones;
use super::preread::Map;
use super::words::Directive;
use crate::copies::Copies;
use crate::note::SourcePlace;

/// The definitions.
#[derive(Default)]
pub(super) struct Common {
    /// The `upstream` blocks, by their names.
    pub(super) upstreams: HashMap<String, (SourcePlace, Vec<Directive>)>,
    /// The `map` blocks, by their variables.
    pub(super) maps: HashMap<String, Map>,
    pub(super) zones: Zones,
    /// How many servers pass to each upstream, or to what each variable stands for.
    uses: HashMap<String, usize>,
    pub(super) copies: Copies,
}

impl Common {
    /// Counts what the servers refer to.
    pub(super) fn count<'d>(&mut self, servers: impl Iterator<Item = &'d [&'d Directive]>) {
        let mut variables: HashMap<String, usize> = HashMap::new();
        for directives in servers {
            self.zones.count(directives);
            for pass in directives.iter().filter(|directive| directive.name() == "proxy_pass") {
                let name = pass.argument();
                *self.uses.entry(name.to_owned()).or_default() += 1;
                *variables.entry(variable(name).unwrap_or_default()).or_default() += 1;
            }
        }
        for (map, uses) in
            variables.iter().filter_map(|(name, uses)| Some((self.maps.get(name)?, uses)))
        {
            let names: HashSet<_> = map.values().collect();
            for name in names {
                *self.uses.entry(name.to_owned()).or_default() += uses;
            }
        }
    }

    /// The `upstream` blocks that no server passes to, in the order of their lines.
    pub(super) fn unused(&self) -> Vec<(&SourcePlace, &str)> {
        let unused = self.upstreams.iter().filter(|(name, _)| !self.uses.contains_key(*name));
        let mut unused: Vec<_> = unused.map(|(name, (place, _))| (place, &**name)).collect();
        unused.sort_by_key(|(place, _)| (place.file.clone(), place.line));
        unused
    }

    /// An `upstream` block, and whether several servers pass to it.
    pub(super) fn upstream(&self, name: &str) -> Option<(&[Directive], bool)> {
        let (_, block) = self.upstreams.get(name)?;
        Some((block, self.uses.get(name).is_some_and(|uses| *uses > 1)))
    }

    /// The `map` of a variable, `$NAME` or `${NAME}`.
    pub(super) fn map(&self, text: &str) -> Option<&Map> {
        self.maps.get(&variable(text)?)
    }
}

/// The variable `$NAME` that a text consists of, which may be written `${NAME}`.
fn variable(text: &str) -> Option<String> {
    let name = text.strip_prefix('$')?;
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    Some(format!("${name}"))
}
