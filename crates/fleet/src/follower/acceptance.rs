//! Whether a reading of the store is followed.
//!
//! A store that has lost its latest revisions must not take an instance back to an older text, and neither must
//! another store under the same address. Both are followed again after a publication there.

use super::StoreFault;
use crate::keep::{Foreign, KeepState};
use crate::model::{Current, CurrentError};

/// Returns the document to follow, or the reason not to, with the store to remember.
pub(super) fn accept(
    kept: &KeepState,
    last: Option<&Current>,
    cluster: u64,
    current: Option<Result<Current, CurrentError>>,
) -> Result<Current, (StoreFault, Option<Foreign>)> {
    let known = kept.revision;
    let current = match current {
        None if known == 0 => return Err((StoreFault::Empty, None)),
        None => return Err((StoreFault::Wiped { known }, Some(foreign(kept, cluster, 0)))),
        Some(Err(error)) => return Err((StoreFault::Unreadable(error), None)),
        Some(Ok(current)) => current,
    };
    let found = current.revision;
    if known == 0 {
        return Ok(current);
    }
    // A store that was refused is followed after a publication that knows this instance's revision.
    if let Some(foreign) = kept.foreign.filter(|foreign| foreign.cluster == cluster)
        && found > foreign.revision.max(known)
    {
        return Ok(current);
    }
    let refused = Some(foreign(kept, cluster, found));
    if cluster != kept.cluster {
        return Err((StoreFault::OtherCluster { found, known }, refused));
    }
    if found < known {
        return Err((StoreFault::WentBack { found, known }, refused));
    }
    let differs = last.is_some_and(|last| last.revision == found && *last != current);
    if differs || (found == known && kept.foreign.is_some_and(|it| it.cluster == cluster)) {
        return Err((StoreFault::Differs { revision: found }, refused));
    }
    Ok(current)
}

/// The refused store, with the revision that a publication there has to exceed. It stays that of the first reading,
/// since a publication may come between two readings, unless the store goes back again.
fn foreign(kept: &KeepState, cluster: u64, found: u64) -> Foreign {
    let first = kept.foreign.filter(|it| it.cluster == cluster && it.revision <= found);
    first.unwrap_or(Foreign { cluster, revision: found })
}
