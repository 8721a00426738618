//! A service manager, as far as its children see it: it reads their messages, and keeps the
//! descriptors that they send.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

use crate::wait::{LIMIT, wait_until};

/// Longer than any message.
const MESSAGE_MAX: usize = 4096;

/// Reads until it is dropped.
#[derive(Debug)]
pub struct Manager {
    dir: TempDir,
    socket: UnixDatagram,
    state: State,
}

#[derive(Clone, Debug, Default)]
struct State(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    messages: Vec<String>,
    /// In the order in which they came.
    descriptors: Vec<(String, OwnedFd)>,
}

impl Manager {
    /// Starts reading notifications in a thread.
    pub fn start() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let socket = UnixDatagram::bind(dir.path().join("notify")).expect("an own directory");
        let manager = Self { dir, socket, state: State::default() };
        let (state, socket) = (manager.state.clone(), manager.socket.try_clone());
        let socket = socket.expect("a second handle of a socket");
        thread::spawn(move || while state.read(&socket) {});
        manager
    }

    /// What `NOTIFY_SOCKET` shall be.
    pub fn address(&self) -> PathBuf {
        self.dir.path().join("notify")
    }

    /// Microseconds on the clock that `MONOTONIC_USEC` is of.
    pub fn clock() -> u64 {
        let now = clock_gettime(ClockId::Monotonic);
        let now = Duration::try_from(now).expect("a time after the start of the host");
        now.as_micros().try_into().expect("fewer than 2^64 microseconds")
    }

    /// All messages so far, each of one or more lines.
    pub fn messages(&self) -> Vec<String> {
        self.state.lock().messages.clone()
    }

    /// All lines `KEY=value` so far that have this key.
    pub fn values(&self, key: &str) -> Vec<String> {
        let messages = self.messages();
        let lines = messages.iter().flat_map(|message| message.lines());
        let values = lines.filter_map(|line| line.split_once('=').filter(|(name, _)| *name == key));
        values.map(|(_, value)| value.to_owned()).collect()
    }

    /// Waits until so many lines with this key have come, and returns the last one's value.
    #[track_caller]
    pub fn wait_for(&self, key: &str, count: usize) -> String {
        wait_until(&format!("{count} times {key}="), LIMIT, || self.values(key).len() >= count);
        self.values(key).pop().unwrap_or_default()
    }

    /// Names of the stored descriptors, in alphabetical order.
    pub fn kept(&self) -> Vec<String> {
        let kept = self.state.lock();
        let mut names: Vec<_> = kept.descriptors.iter().map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// A copy of the descriptor that is kept under this name.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn copy(&self, name: &str) -> OwnedFd {
        let kept = self.state.lock();
        let found = kept.descriptors.iter().find(|(kept, _)| kept == name);
        let (_, descriptor) = found.unwrap_or_else(|| panic!("nothing is kept as {name}"));
        descriptor.try_clone().expect("a copy of a descriptor")
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // Its reader finds the end. There is nothing to do about an error.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a message. False at the end.
    fn read(&self, socket: &UnixDatagram) -> bool {
        let mut text = [0; MESSAGE_MAX];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut text)];
        let Ok(message) = recvmsg(socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        else {
            return false;
        };
        let descriptors = ancillary.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let descriptors: Vec<OwnedFd> = descriptors.flatten().collect();
        let text = String::from_utf8_lossy(&text[..message.bytes]).into_owned();
        let is_something = !text.is_empty();
        if is_something {
            self.lock().take(text, descriptors);
        }
        is_something
    }
}

impl Kept {
    /// Descriptors that are not to be stored are closed, among them the pipe of a barrier.
    fn take(&mut self, message: String, descriptors: Vec<OwnedFd>) {
        let lines: Vec<_> = message.lines().collect();
        let name = lines.iter().find_map(|line| line.strip_prefix("FDNAME="));
        let name = name.unwrap_or("stored").to_owned();
        if lines.contains(&"FDSTOREREMOVE=1") {
            self.descriptors.retain(|(kept, _)| *kept != name);
        } else if lines.contains(&"FDSTORE=1") {
            self.descriptors.extend(descriptors.into_iter().map(|it| (name.clone(), it)));
        }
        self.messages.push(message);
    }
}
