//! Reads the keys of a fleet.

use crate::console::failure::CommandError;
use crate::rollout::locate::Located;
use fleet::{FleetReading, Store, StoreError, TextHash};
use plan::escaped;

/// `current` and the instances, with the store's revision at which `current` was read.
pub(crate) struct ReadKeys {
    pub(crate) reading: FleetReading,
    pub(crate) revision: i64,
}

/// Reads `current`, and then the instances. Returns the error in words.
pub(crate) async fn read(store: &Located) -> Result<ReadKeys, String> {
    let words = |error: StoreError| error.to_string();
    let current = store.etcd.get(&store.keys.current()).await.map_err(words)?;
    let instances = store.etcd.list(&store.keys.instances()).await.map_err(words)?;
    let reading = FleetReading::new(&store.keys, current.value.as_ref(), &instances.value);
    let reading = reading.map_err(|error| error.to_string())?;
    Ok(ReadKeys { reading, revision: current.revision })
}

/// Like [`read`], for a command that cannot go on without.
pub(crate) async fn read_once(store: &Located) -> Result<FleetReading, CommandError> {
    Ok(read(store).await.map_err(|error| failed(&error))?.reading)
}

/// Reads a text.
pub(crate) async fn text(store: &Located, hash: TextHash) -> Result<String, CommandError> {
    let parts = store.etcd.list(&store.keys.text(&hash)).await;
    let parts = parts.map_err(|error| failed(&error.to_string()))?.value;
    let parts: Vec<Vec<u8>> = parts.into_iter().map(|entry| entry.value).collect();
    fleet::unpack(hash, &parts).map_err(|error| failed(&error.to_string()))
}

/// An error in words that may quote the store.
pub(crate) fn failed(message: &str) -> CommandError {
    CommandError::Store(escaped(message))
}
