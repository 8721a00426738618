//! A shared budget for the memory of answers that wait to be read, independent of the number of
//! clients and the speed at which they read.
//!
//! Long answers are made one at a time. A finished answer takes its size from the budget, and returns
//! it piece by piece as it is written. Without room it is dropped, and made again when there is room:
//! a waiting request holds no memory, and delays no short answer.

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
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

/// Bytes of all long answers that are not written yet. A longer one is alone.
const BUDGET: usize = 8 * 1024 * 1024;
/// Answers up to this size take nothing from the budget: each connection has one at most.
const SHORT: u64 = 64 * 1024;
/// A piece of an answer. HTTP buffers some of them before the connection takes them.
const PIECE: usize = 16 * 1024;
/// How long a question waits for its turn and for room, and with its room for its turn again. Both together
/// are less than an answer may take (`routes.rs`), so that a crowd is refused as such.
const WAIT: Duration = Duration::from_secs(10);
/// How long a client may take to read a long answer, which keeps its room from others.
const READ_LIMIT: Duration = Duration::from_secs(60);

/// Questions whose answers grow with the forwards or sessions.
const LONG: [&str; 3] = ["/v1/sessions", "/v1/forwards", "/metrics"];

/// The remaining memory for answers.
#[derive(Clone)]
pub(super) struct Budget {
    room: Arc<Semaphore>,
    /// Held while a long answer is made.
    turn: Arc<Mutex<()>>,
}

/// Room for an answer.
type Room = OwnedSemaphorePermit;

/// A long answer that was made.
enum Made {
    /// Within the budget.
    Fits(Response),
    /// There is no room for so many bytes.
    TooLong(u32),
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(BUDGET)), turn: Arc::default() }
    }

    /// Makes an answer, alone, with the room that was waited for. Its turn has to come until then.
    async fn make(
        &self,
        answer: impl Future<Output = Response>,
        room: Option<Room>,
        until: Instant,
    ) -> Result<Made, Refusal> {
        let _turn = timeout_at(until, self.turn.lock()).await.map_err(|_| full())?;
        let (head, body) = answer.await.into_parts();
        if body.size_hint().upper().is_some_and(|size| size <= SHORT) {
            return Ok(Made::Fits(Response::from_parts(head, body)));
        }
        let whole = to_bytes(body, usize::MAX).await.map_err(|_| full())?;
        let size = u32::try_from(whole.len().min(BUDGET)).unwrap_or(u32::MAX);
        let in_hand = room.as_ref().map_or(0, Room::num_permits);
        let more = size.saturating_sub(u32::try_from(in_hand).unwrap_or(u32::MAX));
        let Ok(mut all) = Arc::clone(&self.room).try_acquire_many_owned(more) else {
            return Ok(Made::TooLong(size));
        };
        if let Some(room) = room {
            all.merge(room);
        }
        Ok(Made::Fits(Response::from_parts(head, pieces(&whole, all))))
    }

    /// Waits for room.
    async fn wait(&self, size: u32, until: Instant) -> Result<Room, Refusal> {
        let room = timeout_at(until, Arc::clone(&self.room).acquire_many_owned(size)).await;
        // It is never closed.
        room.ok().and_then(Result::ok).ok_or_else(full)
    }
}

fn full() -> Refusal {
    let mib = BUDGET / 1024 / 1024;
    Refusal::busy(format!(
        "other long answers come first, or are not read: all of them together take {mib} MiB at most. \
         Read or close them, or ask for less with `limit` and `offset`"
    ))
}

/// Middleware: makes long answers one at a time, and holds them in pieces within the budget.
pub(super) async fn within(
    State(budget): State<Budget>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let is_long = request.method() == Method::GET && LONG.contains(&request.uri().path());
    if !is_long {
        return Ok(next.run(request).await);
    }
    // No question has a body that matters.
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
        // It has grown meanwhile.
        Made::TooLong(_) => Err(full()),
    }
}

/// The same bytes in pieces, each of which frees its memory and its room when it is written.
fn pieces(whole: &[u8], room: Room) -> Body {
    let pieces = whole.chunks(PIECE).map(Bytes::copy_from_slice).collect();
    let left = Arc::new(std::sync::Mutex::new(Left { pieces, room: Some(room), is_cut: false }));
    // A client that reads a byte now and then would keep the room for ever without polling the body.
    let slow = Arc::downgrade(&left);
    let timer = tokio::spawn(async move {
        tokio::time::sleep(READ_LIMIT).await;
        if let Some(left) = slow.upgrade() {
            Left::of(&left).cut();
        }
    });
    let timer = Ended(timer.abort_handle());
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

/// Ends a task on `Drop`.
struct Ended(AbortHandle);

impl Drop for Ended {
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
    async fn who_waits_is_served_when_there_is_room_or_refused() {
        let budget = Budget::new();
        let long = made(&budget, BUDGET).await.unwrap();
        let refused = budget.wait(2, soon()).await.unwrap_err().into_response();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(long);
        let size = u32::try_from(10 * PIECE).unwrap();
        let room = budget.wait(size, soon()).await.unwrap();
        // It has grown by a little meanwhile.
        let grown = budget.make(of_size(11 * PIECE), Some(room), soon()).await;
        assert!(matches!(grown, Ok(Made::Fits(_))));
        drop(grown);
        assert_eq!(budget.room.available_permits(), BUDGET);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_whose_turn_does_not_come_is_refused() {
        let budget = Budget::new();
        let _first = budget.turn.lock().await;
        let Err(refused) = budget.make(of_size(1), None, soon()).await else { panic!("its turn") };
        assert_eq!(refused.into_response().status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_read_too_slowly_is_cut_and_frees_its_room_without_being_read() {
        let budget = Budget::new();
        let mut slow = made(&budget, BUDGET).await.unwrap().into_data_stream();
        assert!(slow.next().await.unwrap().is_ok());
        tokio::time::sleep(READ_LIMIT + Duration::from_secs(1)).await;
        assert_eq!(budget.room.available_permits(), BUDGET);
        assert!(slow.next().await.unwrap().is_err(), "the answer does not look whole");
    }
}
