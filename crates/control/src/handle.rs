//! Runs closures on the task that owns a value, and returns their results. One task changes the
//! value, so nothing in it needs a lock.

use std::pin::Pin;
use tokio::sync::{mpsc, oneshot};

/// Tasks that may wait. A further caller waits until one of them has run.
const MOST_WAITING: usize = 64;

/// A change or a question, for the owner to run. It must not block; while it awaits, no other task of
/// the queue runs.
pub(crate) type Task<Owned> = Box<dyn FnOnce(&mut Owned) -> Running<'_> + Send>;

/// A task that has begun. It stays on the owner's thread.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Queues tasks for the owner of a value.
pub(crate) struct Handle<Owned>(mpsc::Sender<Task<Owned>>);

/// The process is about to end: tasks are no longer taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

impl<Owned> Clone for Handle<Owned> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Owned: 'static> Handle<Owned> {
    /// A handle, and the queue that the owner takes tasks from.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Task<Owned>>) {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        (Self(sender), receiver)
    }

    /// Has the owner run `task`, and waits for the result.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Owned) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        self.run(async move |owned: &mut Owned| task(owned)).await
    }

    /// Has the owner run `task` to its end, and waits for the result.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl AsyncFnOnce(&mut Owned) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (sender, result) = oneshot::channel();
        let task: Task<Owned> = Box::new(move |owned| {
            Box::pin(async move {
                // The caller may have gone away meanwhile: the task is done all the same.
                let _ = sender.send(task(owned).await);
            })
        });
        self.0.send(task).await.map_err(|_| Gone)?;
        result.await.map_err(|_| Gone)
    }
}
