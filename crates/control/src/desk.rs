//! How others have the supervisor do something: they hand it a task, and wait for what came of it.
//! One thread changes what runs; so nothing here needs a lock.

use crate::supervisor::Supervisor;
use tokio::sync::{mpsc, oneshot};

/// Tasks that may wait. Whoever comes then waits to hand in theirs.
const MOST_WAITING: usize = 64;

/// Something to be done by the supervisor. It must not block.
pub(crate) type Task = Box<dyn FnOnce(&mut Supervisor) + Send>;

/// Where tasks are handed in.
#[derive(Clone)]
pub(crate) struct Desk(mpsc::Sender<Task>);

/// The process is about to end: tasks are no longer taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

impl Desk {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Task>) {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        (Self(sender), receiver)
    }

    /// Has it done, and waits for the result.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Supervisor) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (sender, result) = oneshot::channel();
        let task = move |supervisor: &mut Supervisor| {
            // Whoever asked may have gone away meanwhile: the task is done all the same.
            let _ = sender.send(task(supervisor));
        };
        self.0.send(Box::new(task)).await.map_err(|_| Gone)?;
        result.await.map_err(|_| Gone)
    }
}
