//! The store of a fleet, as the fleet uses it.
//!
//! Reads are linearizable: a member without a quorum fails instead of answering with old values.

use crate::file_fault::FileFault;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::Duration;

/// A store with transactions, watches and leases. Each call has a time limit and tries the other
/// endpoints before it fails.
///
/// # Errors
///
/// A call fails if no member answers in time, or they have no quorum; if the login fails, or has no right to the key; if
/// a file or TLS prevents a connection; and with any other refusal of a member. Only after [`StoreError::Unknown`] may it
/// have changed something.
pub trait Store: Send + Sync {
    /// A running watch.
    type Watch: Watch;

    /// Reads one key.
    fn get(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Read<Option<Entry>>, StoreError>> + Send;

    /// Reads all keys that begin with `prefix`, in the order of their bytes.
    fn list(
        &self,
        prefix: &str,
    ) -> impl Future<Output = Result<Read<Vec<Entry>>, StoreError>> + Send;

    /// Reads the names of all keys that begin with `prefix`, in the order of their bytes, and no values.
    fn keys(
        &self,
        prefix: &str,
    ) -> impl Future<Output = Result<Read<Vec<String>>, StoreError>> + Send;

    /// Counts the keys that begin with `prefix`.
    fn count(&self, prefix: &str) -> impl Future<Output = Result<Read<u64>, StoreError>> + Send;

    /// Carries out all operations if all comparisons hold, and none otherwise. Returns whether it did.
    ///
    /// After [`StoreError::Unknown`] the transaction may have been carried out.
    fn transact(&self, txn: &Txn) -> impl Future<Output = Result<Read<bool>, StoreError>> + Send;

    /// Watches the keys that begin with `prefix` for changes after the store's revision `after`, as
    /// [`Read::revision`] gives it.
    fn watch(
        &self,
        prefix: &str,
        after: i64,
    ) -> impl Future<Output = Result<Self::Watch, StoreError>> + Send;

    /// Creates a lease. Its keys are removed when it has not been renewed for `ttl`.
    fn grant(&self, ttl: Duration) -> impl Future<Output = Result<LeaseId, StoreError>> + Send;

    /// Renews a lease. Returns false if it has expired.
    fn renew(&self, lease: LeaseId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends a lease, and removes its keys. `key` is one of them, for the error of a missing right.
    fn revoke(
        &self,
        lease: LeaseId,
        key: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A running watch. It accelerates only: a watch may stay silent although keys have changed, so its user also reads
/// them from time to time.
pub trait Watch: Send {
    /// Waits for changes. Several at once are reported as one. After an error the watch has ended.
    fn changed(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A value, with the state of the store when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<T> {
    /// The value.
    pub value: T,
    /// The identity of the cluster that answered.
    pub cluster: u64,
    /// The store's revision, which grows with every change of any key.
    pub revision: i64,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The bytes.
    pub value: Vec<u8>,
    /// The store's revision that changed it last.
    pub mod_revision: i64,
}

/// Operations that are carried out together, under conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// Conditions, of which all must hold.
    pub compare: Vec<Compare>,
    /// The operations; at most 128.
    pub ops: Vec<Op>,
}

/// A key must have been changed last by this revision of the store; 0: must not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// The key.
    pub key: String,
    /// The revision, as [`Entry::mod_revision`] gives it.
    pub mod_revision: i64,
}

/// A change of one key, or of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Writes a key.
    Put {
        /// The key.
        key: String,
        /// The value; at most 1 MiB.
        value: Vec<u8>,
        /// The lease with which the key ends.
        lease: Option<LeaseId>,
    },
    /// Removes a key, if it exists.
    Delete {
        /// The key.
        key: String,
    },
    /// Removes all keys that begin with a prefix.
    DeleteAll {
        /// The prefix.
        prefix: String,
    },
}

/// Names a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseId(pub i64);

/// The failure of a request. `endpoint` is `host:port`.
#[derive(Debug)]
pub enum StoreError {
    /// No endpoint could be reached. Lists each with its cause.
    Unreachable(Vec<(String, String)>),
    /// The members have no quorum, so nothing can be read or written.
    NoQuorum {
        /// The member that answered so.
        endpoint: String,
    },
    /// The change was sent, and no answer came: it may have been carried out.
    Unknown {
        /// The member that it was sent to.
        endpoint: String,
        /// The end of the wait.
        cause: String,
    },
    /// The user or its password is wrong, or the store wants one.
    Login {
        /// The store's message.
        message: String,
    },
    /// The user has no right to the key.
    Denied {
        /// The key, or the start of the keys.
        key: String,
        /// The store's message.
        message: String,
    },
    /// A file of `[fleet]` cannot be used: a password, a certificate, a key.
    File {
        /// The path.
        path: std::path::PathBuf,
        /// The fault of the file.
        fault: FileFault,
    },
    /// The TLS handshake failed.
    Tls {
        /// The member.
        endpoint: String,
        /// The failure, and its remedy.
        message: String,
    },
    /// The store is full and takes no writes (`NOSPACE`).
    Full,
    /// The request is larger than the store takes.
    TooLarge {
        /// The member.
        endpoint: String,
        /// The store's message.
        message: String,
    },
    /// A message that is too long to be received, by the store or from it.
    TooLong {
        /// The member.
        endpoint: String,
        /// The limit.
        message: String,
    },
    /// Any other refusal.
    Refused {
        /// The member.
        endpoint: String,
        /// The store's message.
        message: String,
    },
    /// An answer that is not one of etcd's.
    NotEtcd {
        /// The address.
        endpoint: String,
        /// The answer instead.
        message: String,
    },
}

impl StoreError {
    /// Whether the lease of a request has ended.
    pub fn is_lost_lease(&self) -> bool {
        matches!(self, Self::Refused { message, .. } if message.contains("lease not found"))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(endpoints) => {
                f.write_str("no endpoint of the store answers: ")?;
                for (number, (endpoint, cause)) in endpoints.iter().enumerate() {
                    let comma = if number == 0 { "" } else { "; " };
                    write!(f, "{comma}{endpoint}: {cause}")?;
                }
                Ok(())
            }
            Self::NoQuorum { endpoint } => write!(
                f,
                "{endpoint} answers, but the store has no quorum: start more of its members"
            ),
            Self::Unknown { endpoint, cause } => write!(
                f,
                "{endpoint} did not say whether it made the change: {cause}"
            ),
            Self::Login { message } => {
                write!(f, "the store refuses the login: {message}: check `user` and `password_file`")
            }
            Self::Denied { key, message } => write!(
                f,
                "the store refuses access to `{key}`: {message}: give the user a role with this right"
            ),
            Self::File { path, fault } => write!(f, "`{}` {fault}", path.display()),
            Self::Tls { endpoint, message } => write!(f, "TLS with {endpoint} failed: {message}"),
            Self::Full => f.write_str(
                "the store is full and takes no writes: compact and defragment it, then disarm its alarm \
                 (`etcdctl alarm disarm`)",
            ),
            Self::TooLarge { endpoint, message } => write!(
                f,
                "{endpoint} takes no request of this size ({message}): raise its \
                 `--max-request-bytes`"
            ),
            Self::TooLong { endpoint, message } => {
                write!(f, "a message to or from {endpoint} is too long: {message}")
            }
            Self::Refused { endpoint, message } => write!(f, "{endpoint} refuses: {message}"),
            Self::NotEtcd { endpoint, message } => {
                write!(f, "{endpoint} does not answer as etcd 3.4 or newer does: {message}")
            }
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File { fault, .. } => Some(fault),
            _ => None,
        }
    }
}
