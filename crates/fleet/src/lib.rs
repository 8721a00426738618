//! One configuration for many machines: the documents in the store, the store itself, and the decisions of an
//! instance and of a publisher.
//!
//! Decisions are pure: time, readings and results come in, actions go out. The control thread carries out those of
//! an instance, and the commands `publish` and `rollout` those of a publisher.

#![forbid(unsafe_code)]

mod moment;
// The documents in the store.
mod foreign_text;
mod model;
mod text;
// The store.
mod etcd;
mod examine;
mod file_fault;
mod store;
// An instance.
mod connect_check;
mod follower;
mod keep;
// The publisher.
mod rollout;

pub use connect_check::{ConnectCheck, ForwardConnects, TrialConnects};
pub use etcd::{
    CertificateOf, Etcd, EtcdWatch, Expiry, FoundCertificate, Member, MemberHealth, Validity,
};
pub use examine::{Examined, Rights, examine};
pub use file_fault::FileFault;
pub use follower::{
    Action, CurrentReading, Event, Follower, NOT_CONFIRMED, Refusal, Running, Status, StoreFault,
};
pub use foreign_text::bounded;
pub use keep::{
    Ended, ExaminedKeep, Foreign, Keep, KeepError, KeepState, PublishedText, StateFault, Trying,
    examine_keep, lock_of, locking_process,
};
pub use model::{
    Connects, Current, CurrentError, Earlier, FORMAT, HISTORY, HOLD_MAX, Instance, InstanceState,
    Keys, On, REVISION_MAX, TextHash, Trial,
};
pub use moment::Moment;
pub use rollout::{
    Canary, CanaryError, Change, Decision, FailureLine, Fault, FleetReading, Found, Input,
    InterruptLine, Line, Outcome, Publication, RefusalLine, Removal, Request, ResultLine, Rollout,
    StepLine, Turn, WarningLine, Work,
};
pub use store::{Compare, Entry, LeaseId, Op, Read, Store, StoreError, Txn, Watch};
pub use text::{PackedText, TextError, pack, unpack};
