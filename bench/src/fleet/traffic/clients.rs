//! All clients, in one thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::fd::BorrowedFd;

use super::session::{Moved, STUCK, Session, Standing};
use super::stream::Hello;
use crate::failure::{Failure, Result};
use crate::fleet::ledger::Ledger;
use crate::fleet::texts::{Texts, listener};
use crate::hub::{Hub, Next, Service};
use crate::random::Random;

/// Time between two looks at sessions without events.
const LOOK: Duration = Duration::from_secs(1);

/// The amount of traffic.
#[derive(Clone, Copy, Debug)]
pub(in crate::fleet) struct Load {
    pub(in crate::fleet) instances: u16,
    /// Short sessions begun in a second, at all instances together.
    pub(in crate::fleet) short_rate: u32,
}

/// Plays sessions until the run is over, and ends them.
pub(super) fn play(texts: Texts, load: Load, ledger: &Arc<Ledger>) -> Result<()> {
    let clients = Clients { texts, ledger: Arc::clone(ledger), lost: Vec::new(), is_over: false };
    let mut hub = Hub::new(clients, None)?;
    let mut random = Random::new(1);
    // One long session of each forward, spread over the instances.
    let instance = |forward: usize| u16::try_from(forward % usize::from(load.instances));
    let long = texts.unchanged().filter_map(|forward| Some((instance(forward).ok()?, forward)));
    hub.service.lost.extend(long);
    let (begun, mut looked_at, mut short) = (Instant::now(), Instant::now(), 0);
    while !ledger.clients_end.load(Ordering::SeqCst) {
        for (instance, forward) in std::mem::take(&mut hub.service.lost) {
            if !begin(&mut hub, &mut random, (instance, forward), true)? {
                hub.service.lost.push((instance, forward));
            }
        }
        // Short sessions begin when the long ones are open.
        let has_all = ledger.long.load(Ordering::SeqCst) > 0;
        let due = begun.elapsed().as_secs_f64() * f64::from(load.short_rate);
        while has_all && f64::from(short) < due {
            short += 1;
            let instance = u16::try_from(random.below(load.instances.into())).unwrap_or_default();
            let forward = random.below(crate::stats::wide(texts.forwards));
            begin(&mut hub, &mut random, (instance, crate::stats::size(forward)), false)?;
        }
        hub.turn(Some(Duration::from_millis(5)))?;
        if looked_at.elapsed() > LOOK {
            looked_at = Instant::now();
            hub.serve_all();
        }
    }
    end(&mut hub)
}

/// Begins a session, unless its instance is down. Returns whether it has.
fn begin(
    hub: &mut Hub<Clients>,
    random: &mut Random,
    (instance, forward): (u16, usize),
    is_long: bool,
) -> Result<bool> {
    let Some(begun) = hub.service.ledger.begin(instance) else { return Ok(false) };
    let hello = Hello { seed: random.next(), begun };
    match crate::socket::begin(listener(instance, forward), None) {
        Ok(socket) => {
            hub.add(socket, Session::new(hello, forward, is_long))?;
            Ok(true)
        }
        Err(error) => {
            let words = format!("connect to forward {forward}: {error}");
            hub.service.ledger.ended(begun, "client", &words);
            Ok(false)
        }
    }
}

/// Lets every session end after its present message.
fn end(hub: &mut Hub<Clients>) -> Result<()> {
    hub.service.is_over = true;
    hub.serve_all();
    let begun = Instant::now();
    while hub.len() > 0 {
        if begun.elapsed() > 2 * STUCK {
            return Err(Failure::new(format!("{} sessions do not end", hub.len())));
        }
        hub.turn(Some(Duration::from_millis(100)))?;
    }
    Ok(())
}

struct Clients {
    texts: Texts,
    ledger: Arc<Ledger>,
    /// Long sessions that are to be begun: their instances and forwards.
    lost: Vec<(u16, usize)>,
    is_over: bool,
}

impl Service for Clients {
    type Session = Session;

    fn open(&mut self) -> Session {
        unreachable!("a hub of clients has no listener")
    }

    fn ready(&mut self, socket: BorrowedFd<'_>, session: &mut Session, _mark: bool) -> Next {
        session.is_last |= self.is_over;
        let mut moved = Moved::default();
        let result = session.step(socket, self.texts, &mut moved);
        let Session { is_long, forward, .. } = *session;
        let begun = session.hello.begun;
        self.ledger.bytes.fetch_add(moved.bytes, Ordering::Relaxed);
        self.ledger.messages.fetch_add(moved.messages, Ordering::Relaxed);
        if is_long && moved.is_greeted {
            self.ledger.long.fetch_add(1, Ordering::SeqCst);
        }
        match result {
            Ok(Standing::Waits) => Next::Keep,
            Ok(Standing::Pauses(time)) => Next::At(time),
            Ok(Standing::Complete) => {
                self.ledger.short.fetch_add(u64::from(!is_long), Ordering::Relaxed);
                Next::Close
            }
            Err(words) => {
                self.ledger.ended(begun, "client", &words);
                if is_long {
                    self.ledger.long.fetch_sub(u64::from(session.is_open()), Ordering::SeqCst);
                    self.lost.push((begun.instance, forward));
                }
                Next::Reset
            }
        }
    }
}
