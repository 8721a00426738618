//! etcd as the store, over its JSON API: HTTP/1.1, one request with JSON to each of the paths that gRPC has.
//!
//! - The paths and their JSON: <https://etcd.io/docs/latest/dev-guide/api_grpc_gateway/>
//! - The messages: <https://etcd.io/docs/latest/dev-guide/api_reference_v3/>
//! - Watches, and revisions that are compacted: <https://etcd.io/docs/latest/learning/api/>
//! - Logins and tokens: <https://etcd.io/docs/latest/op-guide/authentication/authentication/>
//! - Certificates: <https://etcd.io/docs/latest/op-guide/security/>
//! - Limits: <https://etcd.io/docs/latest/dev-guide/limit/>
//!
//! A call goes to the member that answered last, and to the next one after a failure or a second of silence. A
//! transaction goes only to a member that has just answered a read, on the same connection, and is never repeated.

mod certificates;
mod connection;
mod failure;
mod files;
mod health;
mod lines;
mod login;
mod members;
mod pages;
mod tls;
mod turns;
mod validity;
mod watch;
mod wire;

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

pub use certificates::{CertificateOf, Expiry, FoundCertificate};
pub use health::{Member, MemberHealth};
pub use validity::Validity;
pub use watch::EtcdWatch;

use crate::store::{Entry, LeaseId, Op, Read, Store, StoreError, Txn};
use connection::Call;
use failure::Failure;
use members::{Answer, Members};
use pages::Pages;
use turns::LIMIT;
use watch::WatchStream;
use wire::{HeaderAnswer, LeaseAnswer, MembersAnswer, Range, RangeAnswer, TxnAnswer};

const RANGE: &str = "/v3/kv/range";
const TXN: &str = "/v3/kv/txn";
const WATCH: &str = "/v3/watch";
const GRANT: &str = "/v3/lease/grant";
const KEEPALIVE: &str = "/v3/lease/keepalive";
const MEMBERS: &str = "/v3/cluster/member/list";
const REVOKE: &str = "/v3/lease/revoke";

/// Time for a transaction; one second more for each 128 KiB.
const TXN_LIMIT: Duration = Duration::from_secs(5);

/// A cluster of etcd. Connections, files and names are used when a call needs them.
#[derive(Debug)]
pub struct Etcd {
    members: Members,
    tls: bool,
}

impl Etcd {
    /// The cluster at this address. The first call goes to endpoint `first`, counted round: different numbers spread
    /// many instances over the members.
    pub fn new(store: &plan::FleetStore, first: usize) -> Self {
        Self { members: Members::new(store, first), tls: store.url.tls }
    }

    /// Asks each member at once for its state.
    pub async fn members(&self) -> Vec<MemberHealth> {
        join_all((0..self.members.len()).map(|member| self.health(member))).await
    }

    async fn health(&self, member: usize) -> MemberHealth {
        let endpoint = self.members.name(member).to_owned();
        let status = self.members.status(member).await;
        let remedy = status.as_ref().err().and_then(Failure::remedy);
        let result = match status {
            Ok(status) if status.leader == 0 => {
                Err(StoreError::NoQuorum { endpoint: endpoint.clone() })
            }
            Ok(status) if status.errors.iter().any(|alarm| alarm.contains("NOSPACE")) => {
                Err(StoreError::Full)
            }
            Ok(status) => Ok(Member {
                cluster: status.header.cluster_id,
                is_leader: status.leader == status.header.member_id,
                version: status.version,
            }),
            Err(failure) => Err(self.members.error(member, failure, "")),
        };
        MemberHealth { endpoint, result, remedy }
    }

    /// Number of members that have a vote, listed in `from` or not.
    pub(crate) async fn voters(&self) -> Result<usize, StoreError> {
        let answer: MembersAnswer = self.ask(MEMBERS, &json!({}), "", wire::parse).await?;
        Ok(answer.members.iter().filter(|member| !member.is_learner).count())
    }

    /// Whether the store wanted the login of `user`.
    pub(crate) fn has_logged_in(&self) -> bool {
        self.members.has_logged_in()
    }

    /// Asks the members in turn, and reads the answer.
    async fn ask<T>(
        &self,
        path: &'static str,
        request: &Value,
        key: &str,
        parse: impl Fn(&[u8]) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let (member, answer) = self.members.ask(path, request, key, parse).await?;
        self.members.put_back(member, answer.connection);
        Ok(answer.value)
    }

    async fn range(&self, range: Range<'_>, more: &Value) -> Result<RangeAnswer, StoreError> {
        let (Range::One(key) | Range::Prefix(key)) = range;
        self.range_json(&wire::range(range, more), key).await
    }

    async fn range_json(&self, request: &Value, key: &str) -> Result<RangeAnswer, StoreError> {
        self.ask(RANGE, request, key, wire::parse).await
    }

    /// Reads pages to the last one.
    async fn pages(
        &self,
        mut pages: Pages<'_>,
        prefix: &str,
    ) -> Result<Read<Vec<Entry>>, StoreError> {
        loop {
            match self.range_json(&pages.request(), prefix).await {
                Ok(answer) => {
                    if let Some(all) = pages.add(answer) {
                        return all.map_err(|failure| {
                            self.members.error(self.members.current(), failure, prefix)
                        });
                    }
                }
                Err(StoreError::TooLong { .. }) if pages.shrink() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A connection to a member that answers reads: it has a quorum, and the login is good.
    async fn working_member(&self, key: &str) -> Result<(usize, Answer<RangeAnswer>), StoreError> {
        let request = wire::range(Range::One(key), &json!({ "count_only": true }));
        self.members.ask(RANGE, &request, key, wire::parse).await
    }

    /// Sends a transaction once, or again if it was refused because the token had expired in between.
    async fn send(&self, txn: &Txn) -> Result<TxnAnswer, StoreError> {
        let key = first_key(txn);
        let body = hyper::body::Bytes::from(wire::txn(txn).to_string());
        let limit = TXN_LIMIT + Duration::from_secs(body.len() as u64 >> 17);
        let call = Call { path: TXN, body, needs_leader: true };
        let mut may_log_in = true;
        loop {
            let (member, answer) = self.working_member(key).await?;
            let Answer { mut connection, token, .. } = answer;
            let sent = connection.exchange(&call, token.as_deref(), limit).await;
            match sent.and_then(|body| wire::parse(&body)) {
                Ok(answer) => {
                    self.members.put_back(member, connection);
                    return Ok(answer);
                }
                Err(failure)
                    if may_log_in && failure.wants_login() && self.members.forget(&token) =>
                {
                    may_log_in = false;
                }
                Err(failure) if failure.left_no_change() => {
                    return Err(self.members.error(member, failure, key));
                }
                Err(failure) => {
                    let endpoint = self.members.name(member).to_owned();
                    return Err(StoreError::Unknown { endpoint, cause: failure.cause() });
                }
            }
        }
    }
}

/// The key that a refused transaction is reported with.
fn first_key(txn: &Txn) -> &str {
    match (txn.ops.first(), txn.compare.first()) {
        (Some(Op::Put { key, .. } | Op::Delete { key }), _) => key,
        (Some(Op::DeleteAll { prefix }), _) => prefix,
        (None, Some(compare)) => &compare.key,
        (None, None) => "",
    }
}

fn read<T>(value: T, header: &wire::Header) -> Read<T> {
    Read { value, cluster: header.cluster_id, revision: header.revision }
}

impl Store for Etcd {
    type Watch = EtcdWatch;

    async fn get(&self, key: &str) -> Result<Read<Option<Entry>>, StoreError> {
        let mut answer = self.range(Range::One(key), &Value::Null).await?;
        Ok(read(answer.kvs.pop().map(wire::KeyValue::into_entry), &answer.header))
    }

    async fn list(&self, prefix: &str) -> Result<Read<Vec<Entry>>, StoreError> {
        self.pages(Pages::new(prefix), prefix).await
    }

    async fn keys(&self, prefix: &str) -> Result<Read<Vec<String>>, StoreError> {
        let Read { value, cluster, revision } =
            self.pages(Pages::without_values(prefix), prefix).await?;
        let value = value.into_iter().map(|entry| entry.key).collect();
        Ok(Read { value, cluster, revision })
    }

    async fn count(&self, prefix: &str) -> Result<Read<u64>, StoreError> {
        let answer = self.range(Range::Prefix(prefix), &json!({ "count_only": true })).await?;
        Ok(read(answer.count, &answer.header))
    }

    async fn transact(&self, txn: &Txn) -> Result<Read<bool>, StoreError> {
        let answer = self.send(txn).await?;
        Ok(read(answer.succeeded, &answer.header))
    }

    async fn watch(&self, prefix: &str, after: i64) -> Result<EtcdWatch, StoreError> {
        // The read renews the login: a watch with an expired token ends as if the rights were missing.
        let (member, answer) = self.working_member(prefix).await?;
        let Answer { mut connection, token, .. } = answer;
        let mut create = wire::range(Range::Prefix(prefix), &Value::Null);
        create["start_revision"] = after.saturating_add(1).to_string().into();
        create["fragment"] = true.into();
        let body = json!({ "create_request": create }).to_string().into();
        let call = Call { path: WATCH, body, needs_leader: true };
        let preferred = self.members.preferred();
        let created = async {
            let body = connection.open_stream(&call, token.as_deref(), LIMIT).await?;
            let mut stream = WatchStream::new(connection, body);
            stream.created().await?;
            Ok(stream)
        };
        let created = timeout(LIMIT, created).await.unwrap_or(Err(Failure::Silent(LIMIT)));
        let stream = created.map_err(|failure| self.members.error(member, failure, prefix))?;
        let endpoint = self.members.name(member).to_owned();
        let prefix = prefix.to_owned();
        Ok(EtcdWatch { stream, preferred, member, endpoint, prefix, tls: self.tls })
    }

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, StoreError> {
        // A second one, from a repeated request, ends by itself.
        let seconds = ttl.as_secs().max(1).to_string();
        let answer: LeaseAnswer =
            self.ask(GRANT, &json!({ "TTL": seconds }), "", wire::parse).await?;
        Ok(LeaseId(answer.id))
    }

    async fn renew(&self, lease: LeaseId) -> Result<bool, StoreError> {
        let request = json!({ "ID": lease.0.to_string() });
        let parse = |body: &[u8]| match wire::parse_streamed::<LeaseAnswer>(body) {
            Ok(answer) => Ok(answer.ttl > 0),
            Err(failure) if failure.is_missing() => Ok(false),
            Err(failure) => Err(failure),
        };
        self.ask(KEEPALIVE, &request, "", parse).await
    }

    async fn revoke(&self, lease: LeaseId, key: &str) -> Result<(), StoreError> {
        let request = json!({ "ID": lease.0.to_string() });
        match self.ask(REVOKE, &request, key, wire::parse::<HeaderAnswer>).await {
            // It has expired, or an answer was lost and the request repeated.
            Err(error) if error.is_lost_lease() => Ok(()),
            result => result.map(drop),
        }
    }
}
