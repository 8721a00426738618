//! Asks the name servers in turn until one answers.

use super::exchange::{self, Sockets};
use super::failure::LookUpError;
use super::message::{Question, Reply};
use super::resolv_conf::ResolvConf;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Time after which the next server is asked beside a silent one. Doubles after each round.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Bound on `timeout * attempts` of resolv.conf.
const MOST_TIME: Duration = Duration::from_secs(30);
/// Time for which a server that was silent is asked after the others.
const DISTRUST: Duration = Duration::from_secs(30);

/// The name servers, with the observations about each.
#[derive(Default)]
pub(super) struct Servers {
    sockets: Arc<Sockets>,
    silent: Mutex<HashMap<SocketAddr, Instant>>,
    turn: AtomicUsize,
}

/// A question put to one server.
type Attempt = (SocketAddr, io::Result<Reply>);

impl Servers {
    /// Asks the servers until one gives a sound answer or none is left. A silent server is asked again,
    /// and the others beside it, until the time is up.
    pub(super) async fn ask(
        &self,
        conf: &ResolvConf,
        question: &Question,
    ) -> Result<Reply, LookUpError> {
        let end = Instant::now() + (conf.timeout * conf.attempts).min(MOST_TIME);
        let mut servers = self.in_order(conf);
        let mut attempts: JoinSet<Attempt> = JoinSet::new();
        let (mut pause, mut next, mut next_at) = (FIRST_PAUSE, 0, Instant::now());
        let mut failure = None;
        while !servers.is_empty() {
            if next_at <= Instant::now() {
                let server = servers[next % servers.len()];
                let (sockets, question) = (Arc::clone(&self.sockets), question.clone());
                let tcp = conf.tcp;
                attempts.spawn(async move {
                    (server, exchange::ask(&sockets, server, &question, tcp).await)
                });
                next += 1;
                if next % servers.len() == 0 && next > 1 {
                    pause *= 2;
                }
                next_at = Instant::now() + pause;
            }
            tokio::select! {
                Some(Ok((server, result))) = attempts.join_next() => {
                    failure = Some(match result {
                        Ok(Reply::Failed(rcode)) => format!("the name servers failed: {rcode}"),
                        Ok(reply) => {
                            self.answered(server, &servers[..next.min(servers.len())]);
                            return Ok(reply);
                        }
                        Err(error) => exchange::describe(&error),
                    });
                    // It has failed for this question; another one is asked at once.
                    servers.retain(|other| *other != server);
                    next_at = Instant::now();
                }
                () = sleep_until(next_at.min(end)) => {}
            }
            if Instant::now() >= end {
                self.note_silent(&servers);
                return Err(failure.map_or(LookUpError::Timeout, LookUpError::Failed));
            }
        }
        Err(LookUpError::Failed(failure.unwrap_or_default()))
    }

    /// The servers as in resolv.conf, those that were silent lately last.
    fn in_order(&self, conf: &ResolvConf) -> Vec<SocketAddr> {
        let mut servers = conf.servers.clone();
        if conf.rotate {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            servers.rotate_left(turn % conf.servers.len());
        }
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        servers.sort_by_key(|server| silent.get(server).is_some_and(|until| *until > now));
        servers
    }

    /// `server` answered, and of those `asked`, the ones before it did not.
    fn answered(&self, server: SocketAddr, asked: &[SocketAddr]) {
        let before: Vec<_> = asked.iter().copied().take_while(|other| *other != server).collect();
        self.note_silent(&before);
        self.silent.lock().unwrap_or_else(PoisonError::into_inner).remove(&server);
    }

    fn note_silent(&self, servers: &[SocketAddr]) {
        let until = Instant::now() + DISTRUST;
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.extend(servers.iter().map(|server| (*server, until)));
    }
}
