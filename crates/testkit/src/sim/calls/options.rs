//! Socket options.

use crate::sim::conditions::Call;
use crate::sim::state::file::File;
use crate::sim::state::slab::Key;
use crate::sim::state::timers::Timer;
use crate::sim::world::World;
use sys::socket::TcpOptions;
use sys::{Errno, Result, TcpInfo};

impl World {
    /// Sets the options that are given, and leaves the others ([`sys::socket::set_tcp_options`]).
    pub(crate) fn set_tcp_options(&mut self, socket: Key, options: &TcpOptions) -> Result<()> {
        if !options.is_nothing() {
            self.fails(Call::Options)?;
        }
        // The simulated windows have sizes of their own.
        let TcpOptions { keepalive, user_timeout, buffers: _ } = *options;
        match self.file_mut(socket) {
            Some(File::Listener(listener)) if !listener.is_unix() => {
                listener.options.keepalive = keepalive.or(listener.options.keepalive);
                listener.options.user_timeout = user_timeout.or(listener.options.user_timeout);
                Ok(())
            }
            Some(File::Tcp(end)) => {
                let end = *end;
                self.set_options_of_end(end, options);
                Ok(())
            }
            Some(_) if options.is_nothing() => Ok(()),
            Some(_) => Err(Errno::OPNOTSUPP),
            None => Err(Errno::BADF),
        }
    }

    fn set_options_of_end(&mut self, key: Key, options: &TcpOptions) {
        let now = self.now;
        let Some(end) = self.ends.get_mut(key) else { return };
        end.options.user_timeout = options.user_timeout.or(end.options.user_timeout);
        let Some(keepalive) = options.keepalive else { return };
        let was_on = end.options.keepalive.replace(keepalive).is_some();
        // `tcp_set_keepalive` starts with a whole idle time, `tcp_sock_set_keepidle_locked` with the rest.
        if was_on {
            self.start_keepalive(key);
        } else if !end.is_connecting() {
            self.set_timer(key, Timer::Keepalive, now.after(keepalive.idle));
        }
    }

    /// Sets exactly these options ([`sys::socket::replace_tcp_options`]).
    pub(crate) fn replace_tcp_options(&mut self, socket: Key, options: &TcpOptions) -> Result<()> {
        self.fails(Call::Options)?;
        let keeps = |present: &mut TcpOptions| {
            present.keepalive = present.keepalive.filter(|_| options.keepalive.is_some());
            present.user_timeout = present.user_timeout.filter(|_| options.user_timeout.is_some());
        };
        match self.file_mut(socket) {
            Some(File::Listener(listener)) => keeps(&mut listener.options),
            Some(File::Tcp(end)) => {
                let end = *end;
                if let Some(end) = self.ends.get_mut(end) {
                    keeps(&mut end.options);
                }
            }
            _ => {}
        }
        self.set_tcp_options(socket, options)
    }

    /// Notes the limit of a connection's rate ([`sys::socket::set_pacing_rate`]). The simulated network sends at once
    /// all the same.
    pub(crate) fn set_pacing_rate(&mut self, socket: Key, limit: Option<u64>) -> Result<()> {
        self.fails(Call::Options)?;
        if let Ok((_, end)) = self.end(socket) {
            end.rate = limit;
        }
        Ok(())
    }

    /// Some figures of `TCP_INFO`. `None` if the socket is not a TCP connection.
    pub(crate) fn tcp_info(&self, socket: Key) -> Option<TcpInfo> {
        let Some(File::Tcp(end)) = self.file(socket) else { return None };
        let Some(end) = self.ends.get(*end) else { return Some(TcpInfo::default()) };
        Some(TcpInfo {
            retransmits: end.retries.total,
            backoffs: u8::try_from(end.retries.backoff).unwrap_or(u8::MAX),
            unacked: u32::from(end.send.is_in_flight()),
            unsent: u32::try_from(end.send.unsent()).unwrap_or(u32::MAX),
            rate_limit: end.rate,
            ..TcpInfo::default()
        })
    }
}
