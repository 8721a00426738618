//! One configuration for many machines: the documents in the store, the store itself, and the decisions of an
//! instance and of a publisher.
//!
//! Decisions are pure: time, readings and results come in, actions go out. The control thread carries out those of
//! an instance, and the commands `publish` and `rollout` those of a publisher.

#![forbid(unsafe_code)]

// The documents in the store.
mod model;
mod text;
// The store.
mod etcd;
mod store;
// An instance.
mod follower;
mod keep;
mod verdict;
// The publisher.
mod rollout;

pub use etcd::{Etcd, EtcdWatch, Member, MemberHealth};
pub use follower::{
    Action, Event, Follower, Moment, NOT_CONFIRMED, Reading, Refusal, Status, StoreFault,
};
pub use keep::{Ended, Foreign, Good, Keep, KeepError, Kept, StateFault, Trying};
pub use model::{
    Connects, Current, CurrentError, Earlier, FORMAT, HISTORY, Instance, InstanceState, Keys, On,
    TextHash, Trial,
};
pub use plan::HOST_AUTHORITIES;
pub use rollout::{
    Canary, CanaryError, Decision, Fault, Found, Input, Line, Need, Now, Outcome, Publication,
    Reading as FleetReading, Removal, Request, Rollout, Turn, Work,
};
pub use store::{Compare, Entry, LeaseId, Op, Read, Store, StoreError, Txn, Watch};
pub use text::{PackedText, TextError, pack, unpack};
pub use verdict::{ForwardConnects, Verdict};
