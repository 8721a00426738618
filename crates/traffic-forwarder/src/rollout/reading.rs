//! Reads the keys of a fleet.

use crate::console::failure::CommandError;
use crate::rollout::locate::Located;
use fleet::{FleetReading, Store, StoreError, TextError, TextHash};
use plan::escaped;
use std::error::Error;
use std::fmt;

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

/// Why a text could not be read.
#[derive(Debug)]
pub(crate) enum ReadTextError {
    Store(StoreError),
    Text(TextError),
}

impl fmt::Display for ReadTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Text(error) => error.fmt(f),
        }
    }
}

impl Error for ReadTextError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Store(error) => error.source(),
            Self::Text(error) => error.source(),
        }
    }
}

impl From<ReadTextError> for CommandError {
    fn from(error: ReadTextError) -> Self {
        failed(&error.to_string())
    }
}

/// Reads a text.
pub(crate) async fn text(store: &Located, hash: TextHash) -> Result<String, ReadTextError> {
    let parts = store.etcd.list(&store.keys.text(&hash)).await.map_err(ReadTextError::Store)?;
    let parts: Vec<Vec<u8>> = parts.value.into_iter().map(|entry| entry.value).collect();
    fleet::unpack(hash, &parts).map_err(ReadTextError::Text)
}

/// An error in words that may quote the store.
pub(crate) fn failed(message: &str) -> CommandError {
    CommandError::Store(escaped(message))
}
