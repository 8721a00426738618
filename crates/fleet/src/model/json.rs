//! Values as JSON.

use serde::Serialize;

/// The JSON of a document. Its fields are strings and numbers.
pub(crate) fn to_json(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("strings and numbers are valid JSON")
}
