//! Why a reading of the store is not followed.

use crate::model::CurrentError;
use std::error::Error;
use std::fmt;

/// Why a reading of the store is not followed. The instance keeps its running text.
#[derive(Debug)]
pub enum StoreFault {
    /// Nothing has been published yet.
    Empty,
    /// The configuration is gone.
    Wiped {
        /// The highest revision that was followed.
        known: u64,
    },
    /// The store holds an older revision, as after it was restored from a backup.
    WentBack {
        /// The revision in the store.
        found: u64,
        /// The highest revision that was followed.
        known: u64,
    },
    /// The store holds another document under the same revision.
    Differs {
        /// The revision of both.
        revision: u64,
    },
    /// The store is another cluster.
    OtherCluster {
        /// The revision in it.
        found: u64,
        /// The highest revision that was followed, in the other one.
        known: u64,
    },
    /// The document cannot be read.
    Unreadable(CurrentError),
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("nothing is published yet"),
            Self::Wiped { known } => write!(
                f,
                "the store has no configuration, and this instance has followed revision {known}: publish again"
            ),
            Self::WentBack { found, known } => write!(
                f,
                "the store went back to revision {found}, and this instance has followed revision {known}: publish again"
            ),
            Self::Differs { revision } => write!(
                f,
                "the store has another revision {revision} than the one that this instance has followed: publish again"
            ),
            Self::OtherCluster { found, known } => write!(
                f,
                "the store is another cluster, at revision {found}, than that of revision {known}, which this instance \
                 has followed: check `from`, or publish there"
            ),
            Self::Unreadable(error) => error.fmt(f),
        }
    }
}

impl Error for StoreFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}
