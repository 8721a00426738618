//! Trials of forwarders beside each other: what they have in common, from the files of the programs to the page.

pub(crate) mod namespace;
pub(crate) mod page;
pub(crate) mod program;
pub(crate) mod stage;
pub(crate) mod table;
