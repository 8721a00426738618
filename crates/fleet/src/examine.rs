//! A trial of a fleet's store for `doctor`, which leaves nothing behind.

use std::time::{Duration, SystemTime};

use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::etcd::{Etcd, FoundCertificate, MemberHealth};
use crate::model::Keys;
use crate::store::{Compare, Op, Store, StoreError, Txn};

/// Time for the trial of the rights. That of the members takes three seconds at most.
const LIMIT: Duration = Duration::from_secs(6);
/// No key has been changed last by this revision.
const NEVER: i64 = -1;

/// The result of a trial.
#[derive(Debug)]
pub struct Examined {
    /// The state of each endpoint.
    pub members: Vec<MemberHealth>,
    /// The certificates, with TLS.
    pub certificates: Vec<FoundCertificate>,
    /// Number of members with a vote, if one of them answered.
    pub voters: Option<usize>,
    /// The rights, or why the fleet's keys cannot be read by any user; `None` if no member works, or none answered in
    /// time.
    pub rights: Option<Result<Rights, StoreError>>,
    /// The time of this host.
    pub at: SystemTime,
}

/// The rights of an instance's login.
#[derive(Debug)]
pub struct Rights {
    /// The key `current`, for texts.
    pub current: String,
    /// The key of the instance.
    pub own: String,
    /// Whether the store wants a login.
    pub wants_login: bool,
    /// The error of reading the keys of the fleet.
    pub reads: Result<(), StoreError>,
    /// The error of writing the own key.
    pub writes_own: Result<(), StoreError>,
    /// The error of writing `current`, which an instance never does.
    pub writes_current: Result<(), StoreError>,
}

/// Examines the store of a fleet as the instance `name`, in nine seconds at most. Changes no key. Blocks, and must not run
/// on a thread of a runtime.
///
/// # Errors
///
/// The kernel refuses a descriptor for it.
pub fn examine(fleet: &plan::Fleet, name: &str) -> std::io::Result<Examined> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let examined = runtime.block_on(examine_all(fleet, name));
    // A look-up of a name may hang.
    runtime.shutdown_background();
    Ok(examined)
}

async fn examine_all(fleet: &plan::Fleet, name: &str) -> Examined {
    let etcd = Etcd::new(&fleet.store, 0);
    let (members, certificates) = tokio::join!(etcd.members(), etcd.certificates());
    let working = members.iter().position(|member| member.result.is_ok());
    let (voters, rights) = match working {
        Some(first) => {
            let etcd = Etcd::new(&fleet.store, first);
            let keys = Keys::new(&fleet.store.url.prefix);
            let (voters, rights) = tokio::join!(
                timeout(LIMIT, etcd.voters()),
                timeout(LIMIT, rights(&etcd, &keys, name))
            );
            (voters.ok().and_then(Result::ok), rights.ok())
        }
        None => (None, None),
    };
    Examined { members, certificates, voters, rights, at: SystemTime::now() }
}

async fn rights(etcd: &Etcd, keys: &Keys, name: &str) -> Result<Rights, StoreError> {
    let (current, own) = (keys.current(), keys.instance(name));
    // One login for all that follows.
    let reads_current = match etcd.get(&current).await.map(drop) {
        Err(error) if !matches!(error, StoreError::Denied { .. }) => return Err(error),
        result => result,
    };
    let (texts, instances) = (keys.texts(), keys.instances());
    let (texts, instances, writes_own, writes_current) = tokio::join!(
        etcd.count(&texts),
        etcd.count(&instances),
        try_write(etcd, &current, &own),
        try_write(etcd, &current, &current),
    );
    let reads = reads_current.and(texts.map(drop)).and(instances.map(drop));
    let wants_login = etcd.has_logged_in();
    Ok(Rights { current, own, wants_login, reads, writes_own, writes_current })
}

/// Sends a transaction whose condition never holds: etcd checks the rights of both branches, and writes nothing.
async fn try_write(etcd: &Etcd, compared: &str, key: &str) -> Result<(), StoreError> {
    let compare = vec![Compare { key: compared.to_owned(), mod_revision: NEVER }];
    let ops = vec![Op::Put { key: key.to_owned(), value: Vec::new(), lease: None }];
    etcd.transact(&Txn { compare, ops }).await.map(drop)
}
