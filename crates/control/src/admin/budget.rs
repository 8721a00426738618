//! Bounds the memory of answers that are not read yet, and the time that requests wait for the long answers of
//! others, whatever the number and speed of the clients.
//!
//! Long answers are made one at a time, with a pause between two of them. A complete answer takes its size from the budget, and
//! returns it piece by piece as it is written. If the budget is short, the answer is dropped, and
//! made again later: a waiting request holds no memory, and delays no short answer.

use super::refusal::Refusal;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::stream;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// Bytes of all long answers that are not written yet. A longer answer takes all of it.
const BUDGET: usize = 8 * 1024 * 1024;
// Sizes in the budget are counted as u32, the type of semaphore permits.
const _: () = assert!(BUDGET <= u32::MAX as usize);
/// Answers up to this size, in bytes, take nothing from the budget: each connection has one at
/// most.
const SHORT: u64 = 64 * 1024;
/// Size of a piece, in bytes. The HTTP library buffers a few pieces.
const PIECE: usize = 16 * 1024;
/// Time limit for the turn and the budget of a request, and again for its second turn. Both
/// together are shorter than the limit of a handler (`routes.rs`), so that the answer names the
/// budget as the cause.
const WAIT: Duration = Duration::from_secs(10);
/// Shortest pause between two long answers. In it, the control thread accepts all waiting connections and gives
/// short answers. Without it, each waiting connection would be accepted after one more long answer.
const PAUSE: Duration = Duration::from_millis(5);
/// Time limit for a client to read a long answer, which occupies the budget.
const READ_LIMIT: Duration = Duration::from_secs(60);

/// Paths whose answers grow with the number of forwards, sessions or clients.
const LONG: [&str; 5] =
    ["/v1/sessions", "/v1/sessions/ended", "/v1/forwards", "/v1/clients", "/metrics"];

/// The memory budget of long answers.
#[derive(Clone)]
pub(super) struct Budget {
    room: Arc<Semaphore>,
    /// Locked while a long answer is made; the time at which the next one may begin.
    next: Arc<Mutex<Instant>>,
}

/// A part of the budget, in bytes.
type Room = OwnedSemaphorePermit;

/// The turn to make a long answer.
struct Turn<'a>(MutexGuard<'a, Instant>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0 = Instant::now() + PAUSE;
    }
}

/// A long answer that was made.
enum Made {
    /// The budget has its bytes.
    Fits(Response),
    /// The budget has fewer than this number of bytes left.
    TooLong(u32),
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(BUDGET)), next: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Makes an answer, while no other is made, with the part of the budget in `room`. Fails if its
    /// turn does not come before `until`.
    async fn make(
        &self,
        answer: impl Future<Output = Response>,
        room: Option<Room>,
        until: Instant,
    ) -> Result<Made, Refusal> {
        let _turn = self.turn(until).await?;
        let (head, body) = answer.await.into_parts();
        if body.size_hint().upper().is_some_and(|size| size <= SHORT) {
            return Ok(Made::Fits(Response::from_parts(head, body)));
        }
        let whole = to_bytes(body, usize::MAX).await.map_err(|_| full())?;
        let size = within_budget(whole.len());
        let in_hand = within_budget(room.as_ref().map_or(0, Room::num_permits));
        let more = size.saturating_sub(in_hand);
        let Ok(mut all) = Arc::clone(&self.room).try_acquire_many_owned(more) else {
            return Ok(Made::TooLong(size));
        };
        if let Some(room) = room {
            all.merge(room);
        }
        Ok(Made::Fits(Response::from_parts(head, pieces(&whole, all))))
    }

    /// Waits for the turn of a long answer.
    async fn turn(&self, until: Instant) -> Result<Turn<'_>, Refusal> {
        let next = timeout_at(until, self.next.lock()).await.map_err(|_| full())?;
        sleep_until(*next).await;
        Ok(Turn(next))
    }

    /// Waits for a part of the budget.
    async fn wait(&self, size: u32, until: Instant) -> Result<Room, Refusal> {
        let room = timeout_at(until, Arc::clone(&self.room).acquire_many_owned(size)).await;
        // The semaphore is never closed.
        room.ok().and_then(Result::ok).ok_or_else(full)
    }
}

/// A size in bytes as the budget counts it: a longer answer takes all of it.
#[expect(clippy::cast_possible_truncation, reason = "the budget fits")]
fn within_budget(size: usize) -> u32 {
    size.min(BUDGET) as u32
}

fn full() -> Refusal {
    let mib = BUDGET / 1024 / 1024;
    Refusal::busy(format!(
        "other long answers come first, or are not read: all of them together take {mib} MiB at most. \
         Read or close them, or ask for less with `limit` and `offset`"
    ))
}

/// Middleware: makes long answers one at a time, and keeps them within the budget.
pub(super) async fn within(
    State(budget): State<Budget>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let is_long = request.method() == Method::GET && LONG.contains(&request.uri().path());
    if !is_long {
        return Ok(next.run(request).await);
    }
    // No handler reads a body.
    let (head, _) = request.into_parts();
    let answer = || next.clone().run(Request::from_parts(head.clone(), Body::empty()));
    let until = Instant::now() + WAIT;
    let size = match budget.make(answer(), None, until).await? {
        Made::Fits(response) => return Ok(response),
        Made::TooLong(size) => size,
    };
    let room = budget.wait(size, until).await?;
    match budget.make(answer(), Some(room), until + WAIT).await? {
        Made::Fits(response) => Ok(response),
        // The answer has grown meanwhile.
        Made::TooLong(_) => Err(full()),
    }
}

/// Splits an answer into pieces, each of which frees its memory and its part of the budget when it
/// is written.
fn pieces(whole: &[u8], room: Room) -> Body {
    let pieces = whole.chunks(PIECE).map(Bytes::copy_from_slice).collect();
    let left = Arc::new(std::sync::Mutex::new(Left { pieces, room: Some(room), is_cut: false }));
    // A client that reads a byte now and then does not poll the body, so a timer frees the budget.
    let slow = Arc::downgrade(&left);
    let timer = tokio::spawn(async move {
        sleep(READ_LIMIT).await;
        if let Some(left) = slow.upgrade() {
            Left::of(&left).cut();
        }
    });
    let timer = AbortOnDrop(timer.abort_handle());
    Body::from_stream(stream::unfold((left, timer), |(left, timer)| {
        let piece = Left::of(&left).next();
        std::future::ready(piece.map(|piece| (piece, (left, timer))))
    }))
}

/// The unwritten rest of an answer.
struct Left {
    pieces: VecDeque<Bytes>,
    room: Option<Room>,
    is_cut: bool,
}

impl Left {
    fn of(left: &std::sync::Mutex<Self>) -> std::sync::MutexGuard<'_, Self> {
        // Nothing panics while it holds the lock.
        left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.is_cut {
            return Some(Err(io::ErrorKind::TimedOut.into()));
        }
        let piece = self.pieces.pop_front()?;
        drop(self.room.as_mut().and_then(|room| room.split(piece.len())));
        Some(Ok(piece))
    }

    fn cut(&mut self) {
        (self.pieces, self.room, self.is_cut) = (VecDeque::new(), None, true);
    }
}

/// Aborts a task on `Drop`.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use axum::response::IntoResponse as _;
    use futures_util::StreamExt as _;

    /// A list grows with what it lists, whatever the `limit` of a request.
    #[test]
    fn each_list_is_long() {
        let lists = super::super::document::lists();
        assert!(lists.len() >= 4, "{lists:?}");
        let others: Vec<_> = lists.iter().filter(|path| !LONG.contains(&path.as_str())).collect();
        assert_eq!(others, Vec::<&String>::new());
    }

    fn of_size(size: usize) -> impl Future<Output = Response> {
        std::future::ready("x".repeat(size).into_response())
    }

    fn soon() -> Instant {
        Instant::now() + WAIT
    }

    async fn made(budget: &Budget, size: usize) -> Result<Body, u32> {
        match budget.make(of_size(size), None, soon()).await.unwrap() {
            Made::Fits(response) => Ok(response.into_body()),
            Made::TooLong(size) => Err(size),
        }
    }

    #[tokio::test]
    async fn what_is_not_read_keeps_its_room_and_what_is_read_gives_it_back() {
        let budget = Budget::new();
        let long = made(&budget, BUDGET - PIECE).await.unwrap();
        assert_eq!(made(&budget, 10 * PIECE).await.unwrap_err(), 163_840);
        assert!(made(&budget, PIECE).await.is_ok(), "a short one needs no room");
        let mut long = long.into_data_stream();
        for _ in 0..9 {
            assert_eq!(long.next().await.unwrap().unwrap().len(), PIECE);
        }
        let next = made(&budget, 10 * PIECE).await.unwrap();
        drop((next, long));
        assert_eq!(budget.room.available_permits(), BUDGET);
        let huge = made(&budget, 3 * BUDGET).await.unwrap();
        assert_eq!(to_bytes(huge, usize::MAX).await.unwrap().len(), 3 * BUDGET);
        assert_eq!(budget.room.available_permits(), BUDGET);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_request_is_answered_when_the_budget_allows_or_refused() {
        let budget = Budget::new();
        let long = made(&budget, BUDGET).await.unwrap();
        let refused = budget.wait(2, soon()).await.unwrap_err().into_response();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(long);
        let size = u32::try_from(10 * PIECE).unwrap();
        let room = budget.wait(size, soon()).await.unwrap();
        // The answer has grown a little meanwhile.
        let grown = budget.make(of_size(11 * PIECE), Some(room), soon()).await;
        assert!(matches!(grown, Ok(Made::Fits(_))));
        drop(grown);
        assert_eq!(budget.room.available_permits(), BUDGET);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_turn_does_not_come_is_refused() {
        let budget = Budget::new();
        let _first = budget.next.lock().await;
        let Err(refused) = budget.make(of_size(1), None, soon()).await else { panic!("its turn") };
        assert_eq!(refused.into_response().status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_a_pause_between_two_long_answers() {
        let (budget, began) = (Budget::new(), Instant::now());
        drop(budget.turn(soon()).await.ok());
        assert_eq!(began.elapsed(), Duration::ZERO);
        drop(budget.turn(soon()).await.ok());
        assert!(began.elapsed() >= PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slowly_read_answer_is_cut_and_returns_its_part_of_the_budget() {
        let budget = Budget::new();
        let mut slow = made(&budget, BUDGET).await.unwrap().into_data_stream();
        assert!(slow.next().await.unwrap().is_ok());
        tokio::time::sleep(READ_LIMIT + Duration::from_secs(1)).await;
        assert_eq!(budget.room.available_permits(), BUDGET);
        assert!(slow.next().await.unwrap().is_err(), "the answer does not look whole");
    }
}
