//! A target with a delayed accept.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use testkit::{Addr, LIMIT, Socket, uninterrupted};

use super::QUIET;

/// A listener whose queue is full, so that connecting to it hangs until [`Self::answer`].
pub(crate) struct LateTarget {
    listener: Socket,
    queued: Vec<TcpStream>,
}

impl LateTarget {
    pub(crate) fn open() -> Self {
        const PLACES: usize = 8;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let listener = Socket::from(listener);
        // A second listen(2) sets the shortest queue.
        listener.listen(0).unwrap();
        let connect = |_| TcpStream::connect_timeout(&addr, QUIET).ok();
        let queued: Vec<_> = (0..PLACES).map_while(connect).collect();
        assert!(queued.len() < PLACES, "{addr} answers though its queue is full");
        Self { listener, queued }
    }

    pub(crate) fn addr(&self) -> Addr {
        Addr::Tcp(self.listener.local_addr().unwrap().as_socket().unwrap())
    }

    /// Empties the queue, and returns the forwarder's connection: its kernel repeats the SYN about
    /// every second.
    pub(crate) fn answer(self) -> Socket {
        let ours: Vec<_> = self.queued.iter().map(|queued| queued.local_addr().unwrap()).collect();
        self.listener.set_read_timeout(Some(LIMIT)).unwrap();
        loop {
            let (socket, peer) = uninterrupted(|| self.listener.accept()).unwrap();
            if !ours.contains(&peer.as_socket().unwrap()) {
                return socket;
            }
        }
    }
}
