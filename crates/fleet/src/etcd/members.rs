//! The members of a cluster, and calls to them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use super::connection::{self, Call, Connection};
use super::failure::{Failure, most_specific};
use super::login::{Login, Token};
use super::tls::Tls;
use super::turns::{self, LIMIT};
use super::wire::{self, StatusAnswer};
use crate::store::StoreError;

/// Time for a silent member to answer a request that needs no quorum.
const STATUS_LIMIT: Duration = Duration::from_millis(500);

/// The members of a cluster.
#[derive(Debug)]
pub(super) struct Members {
    endpoints: Vec<Endpoint>,
    tls: Option<Tls>,
    login: Login,
    /// The member that answered last.
    preferred: watch::Sender<usize>,
}

#[derive(Debug)]
struct Endpoint {
    /// `HOST:PORT`.
    name: String,
    idle: Mutex<Option<Connection>>,
}

/// An answer, with the connection that brought it.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) value: T,
    pub(super) connection: Connection,
    pub(super) token: Token,
}

impl Members {
    pub(super) fn new(store: &plan::FleetStore, first: usize) -> Self {
        let endpoint = |name: &String| Endpoint { name: name.clone(), idle: Mutex::new(None) };
        let endpoints: Vec<_> = store.url.endpoints.iter().map(endpoint).collect();
        let first = first.checked_rem(endpoints.len()).unwrap_or(0);
        let tls = Tls { ca: store.ca.clone(), certificate: store.certificate.clone() };
        Self {
            endpoints,
            tls: store.url.tls.then_some(tls),
            login: Login::new(store.user.clone()),
            preferred: watch::Sender::new(first),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// `HOST:PORT` of a member.
    pub(super) fn name(&self, member: usize) -> &str {
        &self.endpoints[member].name
    }

    /// The member that answered last.
    pub(super) fn current(&self) -> usize {
        *self.preferred.borrow()
    }

    /// The member that answered last, as it changes.
    pub(super) fn preferred(&self) -> watch::Receiver<usize> {
        self.preferred.subscribe()
    }

    /// Makes a call about `key` to the members in turn. It may be carried out more than once.
    pub(super) async fn ask<T>(
        &self,
        path: &'static str,
        request: &Value,
        key: &str,
        parse: impl Fn(&[u8]) -> Result<T, Failure>,
    ) -> Result<(usize, Answer<T>), StoreError> {
        let call = Call { path, body: request.to_string().into(), needs_leader: true };
        let first = self.current();
        let (call, parse) = (&call, &parse);
        let attempt = |member| async move {
            let Answer { value, connection, token } = self.ask_member(member, call).await?;
            Ok(Answer { value: parse(&value)?, connection, token })
        };
        let found = turns::ask(self.len(), first, attempt).await;
        match found {
            Ok((member, answer)) => {
                self.preferred.send_if_modified(|preferred| {
                    let changes = *preferred != member;
                    *preferred = member;
                    changes
                });
                Ok((member, answer))
            }
            Err(failures) => {
                let named =
                    failures.into_iter().map(|(member, it)| (self.name(member).to_owned(), it));
                Err(most_specific(named.collect(), self.tls.is_some(), key))
            }
        }
    }

    /// A failure of one member as an error.
    pub(super) fn error(&self, member: usize, failure: Failure, key: &str) -> StoreError {
        failure.into_error(self.name(member), self.tls.is_some(), key)
    }

    /// Whether a call has logged in.
    pub(super) fn has_logged_in(&self) -> bool {
        matches!(self.login.token(), Some(Some(_)))
    }

    /// The certificate that a member shows in a handshake of TLS. `None` without TLS.
    pub(super) async fn certificate(&self, member: usize) -> Option<Result<Vec<u8>, Failure>> {
        let tls = self.tls.as_ref()?;
        let shown = timeout(LIMIT, connection::certificate(self.name(member), tls)).await;
        Some(shown.unwrap_or(Err(Failure::Silent(LIMIT))))
    }

    /// The files of TLS.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Keeps a connection for the next call.
    pub(super) fn put_back(&self, member: usize, connection: Connection) {
        *self.idle(member) = Some(connection);
    }

    /// Drops a token that a member has refused. Returns whether a new login may help.
    pub(super) fn forget(&self, token: &Token) -> bool {
        self.login.forget(token)
    }

    /// Asks one member, with its own limit.
    async fn ask_member(&self, member: usize, call: &Call) -> Result<Answer<Bytes>, Failure> {
        let answer = timeout(LIMIT, self.ask_logged_in(member, call)).await;
        match answer.unwrap_or(Err(Failure::Silent(LIMIT))) {
            Err(Failure::Silent(_)) if self.answers_status(member).await => Err(Failure::NoQuorum),
            answer => answer,
        }
    }

    /// Logs in if needed, and once more if the token has expired.
    async fn ask_logged_in(&self, member: usize, call: &Call) -> Result<Answer<Bytes>, Failure> {
        let token = self.token(member).await?;
        match self.exchange(member, call, token.clone()).await {
            Err(failure) if failure.wants_login() && self.login.forget(&token) => {
                let token = self.token(member).await?;
                self.exchange(member, call, token).await
            }
            answer => answer,
        }
    }

    async fn token(&self, member: usize) -> Result<Token, Failure> {
        if let Some(token) = self.login.token() {
            return Ok(token);
        }
        let Some(request) = self.login.request().await? else { return Ok(None) };
        let body = request.to_string().into();
        let call = Call { path: "/v3/auth/authenticate", body, needs_leader: true };
        let answer = self.exchange(member, &call, None).await;
        self.login.finish(answer.and_then(|answer| {
            let parsed = wire::parse(&answer.value);
            self.put_back(member, answer.connection);
            parsed
        }))
    }

    /// Sends a request over the connection that is left from the last one, or over a new one. The former may have been
    /// closed just now: then the request is repeated.
    async fn exchange(
        &self,
        member: usize,
        call: &Call,
        token: Token,
    ) -> Result<Answer<Bytes>, Failure> {
        let left = self.idle(member).take().filter(Connection::is_usable);
        if let Some(mut connection) = left {
            match connection.exchange(call, token.as_deref(), LIMIT).await {
                Ok(body) => return Ok(Answer { value: body, connection, token }),
                Err(Failure::Lost(_) | Failure::Connect(_) | Failure::Tls(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        let mut connection =
            Connection::open(&self.endpoints[member].name, self.tls.as_ref()).await?;
        let body = connection.exchange(call, token.as_deref(), LIMIT).await?;
        Ok(Answer { value: body, connection, token })
    }

    /// Whether a member answers a request that needs no quorum.
    async fn answers_status(&self, member: usize) -> bool {
        let call = Call { path: STATUS, body: "{}".into(), needs_leader: false };
        let answer = timeout(STATUS_LIMIT, self.exchange(member, &call, None)).await;
        matches!(answer, Ok(Ok(_) | Err(Failure::Refused { .. })))
    }

    /// The state of one member. A login is made only if the member wants one for that: it would need a quorum.
    pub(super) async fn status(&self, member: usize) -> Result<StatusAnswer, Failure> {
        let call = Call { path: STATUS, body: "{}".into(), needs_leader: false };
        let answer = async {
            match self.exchange(member, &call, None).await {
                Err(failure) if failure.wants_login() => self.ask_logged_in(member, &call).await,
                answer => answer,
            }
        };
        let answer = timeout(LIMIT, answer).await;
        let answer = answer.unwrap_or(Err(Failure::Silent(LIMIT)))?;
        let status = wire::parse(&answer.value);
        self.put_back(member, answer.connection);
        status
    }

    fn idle(&self, member: usize) -> std::sync::MutexGuard<'_, Option<Connection>> {
        self.endpoints[member].idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const STATUS: &str = "/v3/maintenance/status";
