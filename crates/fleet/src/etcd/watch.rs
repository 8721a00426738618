//! A watch: one answer that does not end, with a message for each change.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::watch;

use super::connection::Connection;
use super::failure::Failure;
use super::lines::LineBuffer;
use super::wire::{self, WatchAnswer};
use crate::store::{StoreError, Watch};

/// The longest message. etcd splits larger ones (`fragment`) at its limit of a request, which is 1.5 MiB by default.
const MESSAGE_MAX: usize = 16 << 20;

/// A running watch. It ends when the calls of its [`Etcd`](crate::Etcd) move to another member, because its own may be
/// frozen or cut off.
#[derive(Debug)]
pub struct EtcdWatch {
    pub(super) stream: WatchStream,
    pub(super) preferred: watch::Receiver<usize>,
    pub(super) member: usize,
    /// `HOST:PORT` of the member.
    pub(super) endpoint: String,
    pub(super) prefix: String,
    pub(super) tls: bool,
}

impl Watch for EtcdWatch {
    async fn changed(&mut self) -> Result<(), StoreError> {
        let Self { stream, preferred, member, endpoint, prefix, tls } = self;
        let failure = tokio::select! {
            changed = stream.changed() => match changed {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            },
            () = moved(preferred, *member) => {
                Failure::Lost("reads have moved to another member".to_owned())
            }
        };
        Err(failure.into_error(endpoint, *tls, prefix))
    }
}

/// Waits until another member answers the calls.
async fn moved(preferred: &mut watch::Receiver<usize>, member: usize) {
    if preferred.wait_for(|preferred| *preferred != member).await.is_err() {
        // There are no calls any more.
        std::future::pending::<()>().await;
    }
}

/// The messages of a watch.
#[derive(Debug)]
pub(super) struct WatchStream {
    body: Incoming,
    connection: Connection,
    lines: LineBuffer,
}

impl WatchStream {
    pub(super) fn new(connection: Connection, body: Incoming) -> Self {
        Self { body, connection, lines: LineBuffer::default() }
    }

    /// Waits for the message that confirms the watch.
    pub(super) async fn created(&mut self) -> Result<(), Failure> {
        if read(&self.line().await?)?.created {
            Ok(())
        } else {
            Err(Failure::NotEtcd("a watch without a confirmation".to_owned()))
        }
    }

    /// Waits for changes, and takes all that have arrived.
    async fn changed(&mut self) -> Result<(), Failure> {
        loop {
            let mut has_changed = !read(&self.line().await?)?.events.is_empty();
            while let Some(line) = self.lines.take_line() {
                has_changed |= !read(&line)?.events.is_empty();
            }
            if has_changed {
                return Ok(());
            }
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            if let Some(line) = self.lines.take_line() {
                return Ok(line);
            }
            if self.lines.len() > MESSAGE_MAX {
                return Err(Failure::TooLong(MESSAGE_MAX));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    self.lines.push(frame.data_ref().map_or(&[][..], |data| data));
                }
                Some(Err(error)) => return Err(self.connection.failure(&error)),
                // An error at the end has no line break.
                None if self.lines.len() > 0 => return Ok(self.lines.take_rest()),
                None => return Err(Failure::Lost("the member has ended the watch".to_owned())),
            }
        }
    }
}

/// Reads a message that does not end the watch.
fn read(line: &[u8]) -> Result<WatchAnswer, Failure> {
    let answer: WatchAnswer = wire::parse_streamed(line)?;
    if answer.compact_revision != 0 {
        return Err(Failure::compacted(answer.compact_revision));
    }
    if answer.canceled {
        return Err(Failure::canceled(answer.cancel_reason));
    }
    Ok(answer)
}
