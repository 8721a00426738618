//! Locations of settings, for problems that show only on the host.

use toml::de::DeTable;

use crate::location::Location;
use crate::plan::{Forward, Plan};
use crate::text::Source;

/// The location of a key of this forward, or of the same key in `[defaults]`. `None` if neither has it.
pub fn setting_location(plan: &Plan, forward: &Forward, key: &str) -> Option<Location> {
    let published = plan.published.as_ref().filter(|_| plan.is_published(forward));
    let text = published.map_or(plan.text.as_deref(), |published| Some(&*published.text));
    let source = Source::new(forward.location.source.as_str(), text?);
    let tables = DeTable::parse(source.text()).ok()?;
    let tables = tables.get_ref();
    let forwards = tables.get("forward").and_then(|it| it.get_ref().as_array());
    let own = forwards
        .into_iter()
        .flatten()
        .find(|table| source.span(table.span()).location() == forward.location);
    let defaults = tables.get("defaults");
    let mut places = own.into_iter().chain(defaults);
    places.find_map(|table| {
        let (key, _) = table.get_ref().as_table()?.get_key_value(key)?;
        Some(source.span(key.span()).location())
    })
}
