//! Runs closures on the task that owns a value, and returns their results. One task changes the
//! value, so nothing in it needs a lock.

use std::pin::Pin;
use tokio::sync::{mpsc, oneshot};

/// Capacity of the queue. A further caller waits until a task has run.
const QUEUE_CAPACITY: usize = 64;

/// A closure for the owner to run. It must not block; while it awaits, no other task of the queue
/// runs.
pub(crate) type Task<Owned> = Box<dyn FnOnce(&mut Owned) -> Running<'_> + Send>;

/// The future of a started task. It stays on the owner's thread.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Queues tasks for the owner of a value.
pub(crate) struct Handle<Owned>(mpsc::Sender<Task<Owned>>);

/// The process is about to end: the owner runs no more tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

impl<Owned> Clone for Handle<Owned> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Owned: 'static> Handle<Owned> {
    /// A handle, and the queue from which the owner receives tasks.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Task<Owned>>) {
        let (sender, receiver) = mpsc::channel(QUEUE_CAPACITY);
        (Self(sender), receiver)
    }

    /// Runs a synchronous `task` on the owner, and waits for the result.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Owned) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        self.run(async move |owned: &mut Owned| task(owned)).await
    }

    /// Runs `task` on the owner to its end, and waits for the result.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl AsyncFnOnce(&mut Owned) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (sender, result) = oneshot::channel();
        let task: Task<Owned> = Box::new(move |owned| {
            Box::pin(async move {
                // The task runs even if the caller was cancelled meanwhile.
                let _ = sender.send(task(owned).await);
            })
        });
        self.0.send(task).await.map_err(|_| Gone)?;
        result.await.map_err(|_| Gone)
    }
}
