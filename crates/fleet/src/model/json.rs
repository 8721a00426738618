//! Values as JSON.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The JSON of a document. Its fields are strings and numbers.
pub(crate) fn to_json(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("strings and numbers are valid JSON")
}

/// Reads a document whose field `format` is `known`. The inner error is another format, whose fields may differ; the
/// outer one is text that is not such JSON.
pub(crate) fn parse_versioned<T: DeserializeOwned>(
    json: &[u8],
    known: u32,
) -> serde_json::Result<Result<T, u32>> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let Head { format } = serde_json::from_slice(json)?;
    if format == known { serde_json::from_slice(json).map(Ok) } else { Ok(Err(format)) }
}
