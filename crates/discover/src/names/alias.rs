//! Aliases (CNAME) within an answer.

use domain::base::{Name, RecordSection};
use domain::rdata::Cname;

/// Aliases that are followed within an answer.
const MOST_ALIASES: usize = 16;

/// The name at the end of the aliases of `name`, and the shortest TTL on the way. `None` if the records
/// cannot be read or the aliases have no end.
pub(super) fn canonical(
    answer: RecordSection<'_, &[u8]>,
    name: &Name<Vec<u8>>,
) -> Option<(Name<Vec<u8>>, u32)> {
    let mut aliases = Vec::new();
    for record in answer.limit_to_in::<Cname<_>>() {
        aliases.push(record.ok()?);
    }
    let (mut owner, mut ttl) = (name.clone(), u32::MAX);
    for _ in 0..MOST_ALIASES {
        let Some(alias) = aliases.iter().find(|alias| *alias.owner() == owner) else {
            return Some((owner, ttl));
        };
        ttl = ttl.min(alias.ttl().as_secs());
        owner = domain::base::ToName::to_name(alias.data().cname());
    }
    None
}
