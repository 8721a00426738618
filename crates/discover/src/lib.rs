//! Finds the targets behind names.

mod names;
pub use names::{FailingName, LookUpError, NamesStatus, Resolver, SavedName};
