//! A process in front of an echo, and one session.

use testkit::{Behaviour, Port, Socket, Target};

use super::upgrading::start;
use crate::support::{Config, Operated, ping, served_client};

pub(super) struct Echo {
    pub(super) operated: Operated,
    pub(super) client: Socket,
    _target: Target,
    pub(super) port: Port,
}

impl Echo {
    #[track_caller]
    pub(super) fn start(config: Config) -> Self {
        let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
        let operated = start(config.forward(port.addr(), target.addr(), "name = 'echo'"));
        Self { operated, client: served_client(&port), _target: target, port }
    }

    /// Asserts that the session continues, also over an upgrade to the program under test.
    #[track_caller]
    pub(super) fn is_upgraded(&self) {
        ping(&self.client);
        self.operated.upgrade();
        ping(&self.client);
    }
}
