//! A forward that has been read but not yet compared with the others.

use crate::address::{ListenAddress, Ranged, Target};
use crate::plan::ForwardSettings;
use crate::problem::Severity;
use crate::text::Spot;

/// A value and where it is written.
#[derive(Clone)]
pub(crate) struct Written<'a, T> {
    pub(crate) value: T,
    pub(crate) spot: Spot<'a>,
}

/// A forward as it is written, with the places of its parts. What could not be read is absent: its
/// problem, an error, has been told, and the rest can still be compared.
pub(crate) struct Draft<'a> {
    pub(crate) name: Option<Written<'a, String>>,
    /// Whether the name is written, and not made from the first listen address.
    pub(crate) named: bool,
    pub(crate) listens: Vec<Listen<'a>>,
    pub(crate) target: Option<Written<'a, Ranged<Target>>>,
    pub(crate) settings: ForwardSettings,
    /// Where the forward starts.
    pub(crate) spot: Spot<'a>,
    /// How its problems are reported: as errors, or as warnings that skip it.
    pub(crate) severity: Severity,
}

/// One listen address of a forward, which may be a range of ports.
pub(crate) type Listen<'a> = Written<'a, Ranged<ListenAddress>>;

/// The name of a forward that was given none: its first listen address.
pub(crate) fn default_name<'a>(listen: &Listen<'a>) -> Written<'a, String> {
    // Only the path of a Unix socket can hold a blank, and a name must not.
    let name = listen.value.to_string().replace(char::is_whitespace, "_");
    Written { value: name, spot: listen.spot.clone() }
}
